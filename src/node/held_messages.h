// Messages that may leave once what was appended before them is durable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "consensus/message.h"

namespace torc::node {

/// A leader asks again and again what a member holds whose disk hangs, and each answer waits for that disk: in an hour
/// sixty thousand of them. So the newest answer to a leader stands for those that wait for the same write, and beyond
/// kCountMax the oldest are dropped, like any message that is lost on its way.
class HeldMessages {
 public:
  /// A turn makes one or two, and all that came while one write was under way leave together.
  static constexpr size_t kCountMax = 4096;
  /// None carries entries (docs/protocol.md, "Messages").
  static constexpr size_t kBytesMax = kCountMax * sizeof(consensus::Message);

  /// Requires: `sequence` is not below that of the last call.
  void hold(uint64_t sequence, std::vector<consensus::Message> messages);
  /// Those that waited for nothing later than `sequence`, in order.
  std::vector<consensus::Message> take_until(uint64_t sequence);
  size_t bytes() const { return held_.size() * sizeof(consensus::Message); }

 private:
  struct Held {
    uint64_t sequence;
    consensus::Message message;
  };
  void drop_predecessor(uint64_t sequence, const consensus::Message& message);

  std::deque<Held> held_;
};

}  // namespace torc::node
