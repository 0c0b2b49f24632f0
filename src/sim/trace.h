// What happened in a simulated world, as one hash (the same seed must give the same) and, on request, as lines to read:
// one column per node with what it is at that moment, so that five replicas can be followed down the page.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/strong_id.h"
#include "base/time.h"

namespace torc::sim {

enum class TraceKind : uint8_t {
  kStart,
  kCrash,
  kPause,
  kResume,
  kWipe,  // a process
  kSend,
  kDeliver,
  kLose,
  kConnect,
  kBreak,  // frames and connections
  kCut,
  kHeal,
  kClock,
  kDisk,  // faults of the world around it
  kCall,
  kReply,
  kUnknown,  // clients
  kRole,
  kApplied,
  kPhase,
  kFault,
  kViolation,  // what the observer saw
  kNotice,     // what a node tells its operator
};
std::string_view to_string(TraceKind kind);

/// Hash of any bytes, the same on every machine; not for adversaries.
uint64_t hash_bytes(std::string_view bytes, uint64_t seed = 0);

class Trace {
 public:
  /// `sink` receives one line per event; without it only the hash is kept and no text is made.
  explicit Trace(std::function<void(const std::string& line)> sink = {}) : sink_(std::move(sink)) {}

  /// Mixes the event into the hash. `number` stands for its content; `describe` (returning a string) is called only
  /// when someone reads.
  template <typename Describe>
  void note(Instant at, NodeId node, TraceKind kind, uint64_t number, const Describe& describe) {
    mix(static_cast<uint64_t>(at.ns));
    mix(node.value << 8 | static_cast<uint64_t>(kind));
    mix(number);
    ++count_;
    if (sink_) print(at, node, kind, describe());
  }

  /// What stands in a node's column from now on, on every line. Only when someone reads.
  void show(NodeId node, const std::string& state);

  uint64_t hash() const { return hash_; }
  uint64_t count() const { return count_; }
  bool is_read() const { return static_cast<bool>(sink_); }

 private:
  void mix(uint64_t v) {
    hash_ = (hash_ ^ v) * 0x9e3779b97f4a7c15u;
    hash_ ^= hash_ >> 29;
  }
  void print(Instant at, NodeId node, TraceKind kind, const std::string& text);
  void print_legend();

  std::function<void(const std::string&)> sink_;
  std::vector<std::string> columns_;  // by node
  bool has_legend_ = false;
  uint64_t hash_ = 0x746f72632d73696du;
  uint64_t count_ = 0;
};

}  // namespace torc::sim
