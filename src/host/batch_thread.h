// A thread that takes everything queued per wake-up (rules.md#batches: a hand-off costs 12 to 26 us, so it should carry
// a lot).
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace torc::host {

/// Hands jobs, in order, to `process` on a thread of its own. Destruction finishes what is queued.
template <typename Job>
class BatchThread {
 public:
  explicit BatchThread(std::function<void(std::vector<Job>& batch)> process)
      : process_(std::move(process)), thread_([this] { run(); }) {}
  ~BatchThread() {
    {
      const std::lock_guard lock(mutex_);
      is_closing_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  BatchThread(const BatchThread&) = delete;
  BatchThread& operator=(const BatchThread&) = delete;

  /// Never blocks for longer than it takes to queue. Any thread.
  void submit(Job job) {
    bool was_empty;
    {
      const std::lock_guard lock(mutex_);
      was_empty = queue_.empty();
      queue_.push_back(std::move(job));
    }
    if (was_empty) wake_.notify_one();
  }

 private:
  void run() {
    std::vector<Job> batch;
    while (true) {
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return !queue_.empty() || is_closing_; });
        if (queue_.empty()) return;
        batch.swap(queue_);
      }
      process_(batch);
      batch.clear();
    }
  }

  const std::function<void(std::vector<Job>&)> process_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Job> queue_;   // guarded by mutex_
  bool is_closing_ = false;  // guarded by mutex_
  std::jthread thread_;      // last: it uses the rest
};

}  // namespace torc::host
