// Which of a node's groups writes its checkpoint next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace torc::node {

/// The groups share a log, and what a restart replays is what all of them wrote since their checkpoints. When that is
/// more than the node allows, whoever wrote most goes first: a few busy groups have the whole allowance to themselves
/// (each with its 64th of it, they wrote every key they have again and again), and a thousand equally busy ones do not
/// begin together. Groups are known by their places.
class CheckpointQueue {
 public:
  /// A second one may begin while the first waits for the disk.
  static constexpr size_t kAtOnceMax = 2;

  explicit CheckpointQueue(uint64_t log_bytes_max) : log_bytes_max_(log_bytes_max) {}

  void resize(size_t places) { groups_.resize(places); }
  /// `log_growth`: written to the log since the group's last checkpoint began; 0 if none can begin now. `is_under_way`:
  /// asked for, or being written.
  void note(uint32_t place, uint64_t log_growth, bool is_under_way);
  /// The groups whose checkpoints are to begin now. They count as under way until note() says otherwise.
  /// O(groups) for each that is returned, else O(1).
  std::vector<uint32_t> take_due();

 private:
  struct Growth {
    uint64_t bytes = 0;
    bool is_under_way = false;
  };
  const uint64_t log_bytes_max_;
  std::vector<Growth> groups_;
  uint64_t bytes_ = 0;  // of all
  size_t under_way_ = 0;
};

}  // namespace torc::node
