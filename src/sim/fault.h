// The kinds of faults a simulated world knows, and which of them a run is to have.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string_view>

#include "base/time.h"

namespace torc::sim {

enum class Fault : uint8_t {
  kKillOne,  // any node, kill -9 or power loss, back after a while
  kKillLeader,
  kKillAll,   // power fails everywhere; what was acknowledged must be there afterwards
  kPauseOne,  // SIGSTOP, and SIGCONT after a while
  kPauseLeader,
  kSplit,  // two sides that do not hear each other
  kIsolateLeader,
  kOneWay,  // one direction of one pair
  kChain,   // one pair cut both ways: partial connectivity
  kReset,   // a connection breaks and comes back
  kSlowDisk,
  kFullDisk,
  kWallJump,      // by seconds, or by hours, forwards or back
  kBadNetwork,    // loss and delay everywhere for a while
  kWipe,          // a node loses its directory for good: at most a minority, and only once the cluster is born
  kHandOver,      // a planned stop begins: the leader passes its leadership on
  kPartialSplit,  // every direction of every pair may be cut
  kFlappingLink,  // one pair is cut and healed again and again
  kSlowLink,      // one pair's frames take long
  kOvertaking,    // frames overtake each other everywhere for a while
  kFailedSync,    // an fsync fails: the node must stop itself
  kBitFlip,       // these four: durable data of one node changes, of a minority of nodes at most (nemesis.h)
  kLostWrite,
  kMisdirectedWrite,
  kBadCheckpoint,
  kOldCopy,      // a copy of a node's directory is put back a while after it was taken
  kSlowCpu,      // all work of a node takes many times as long for a while, as beside a noisy neighbour
  kThinLink,     // little fits through between two nodes for a while
  kLoseReplica,  // a node gives up its replica of one group: of a minority of nodes at most, as with directories
};
constexpr size_t kFaultCount = 29;
std::string_view to_string(Fault fault);

/// One that struck.
struct StruckFault {
  uint64_t number = 0;
  Fault kind = Fault::kKillOne;
  Instant at;
  bool has_effect = true;  // false: nothing to do, such as killing a node that is down already
};

struct NemesisOptions {
  std::array<uint32_t, kFaultCount> weights{};  // 0: this run does not have it
  Duration pause_between_max = 3s;
  Duration fault_length_max = 4s;
  /// Only these of the faults that would strike, by number from 1; the others strike nothing, at the same times.
  std::optional<std::set<uint64_t>> only;
  std::function<void(const StruckFault&)> on_fault;
};

}  // namespace torc::sim
