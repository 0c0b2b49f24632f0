// Lines to a descriptor that may be a pipe nobody reads, a closed one, or a full disk: the caller never waits for it.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace torc::host {

/// A log must not stop what it tells about: a full pipe on standard error once hung a node, a closed one ended it. So a
/// thread of its own writes, the lines that wait are bounded, and what does not fit is counted and told of later, as
/// "(n lines lost)". Requires: SIGPIPE is ignored, or a closed pipe ends the process.
class LineWriter {
 public:
  /// Does not own the descriptor. Leaves its flags alone: others (a shell) may share them.
  explicit LineWriter(int fd, size_t queued_bytes_max = kQueuedBytesMax);
  /// Waits for the writing of what is queued, for a moment.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  /// Queues a line, newline included. Never blocks for longer than it takes to queue. Any thread.
  void write(std::string line);
  /// Waits until everything queued so far was written, failed, or `patience` is over. Returns whether nothing is left.
  bool flush(std::chrono::milliseconds patience);

  static constexpr size_t kQueuedBytesMax = 1u << 20;
  static constexpr std::chrono::milliseconds kPatienceAtEnd{500};

 private:
  struct Shared;
  static void run(const std::shared_ptr<Shared>& shared);

  std::shared_ptr<Shared> shared_;  // with the thread, which may be stuck in a write for ever
};

}  // namespace torc::host
