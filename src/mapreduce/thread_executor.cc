#include "mapreduce/thread_executor.h"

#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "base/check.h"

namespace torc::mapreduce {
namespace {

using std::chrono::steady_clock;

// An attempt that was abandoned looks for that at every block of a file. One that has not ended by then is inside a map
// that may never return: its thread is left to it, and the slot gets another one.
constexpr std::chrono::seconds kGrace{3};

/// The file of an attempt that ended; empty if it has none.
std::string path_of(const Assignment& assignment, const std::variant<Output, Plan, Fault>& result) {
  const auto* output = std::get_if<Output>(&result);
  if (output == nullptr || output->file.empty()) return {};
  return assignment.record->scratch() + "/" + output->file;
}

}  // namespace

struct ThreadExecutor::Shared {
  std::shared_ptr<FileSystem> files;
  FunctionsOf functions_of;
  size_t slot_bytes = 0;
  uint64_t seed = 0;
  KeySourceOf keys;

  std::mutex mutex;
  std::condition_variable something_ended;
  bool is_woken = false;
  struct Ended {
    Finished finished;
    std::string path;
  };
  std::vector<Ended> ended;
};

struct ThreadExecutor::Slot {
  explicit Slot(std::shared_ptr<Shared> all) : shared(std::move(all)) {}

  const std::shared_ptr<Shared> shared;
  std::thread thread;
  // Below: guarded by shared->mutex.
  std::condition_variable something_to_do;
  std::optional<Assignment> assignment;  // until it has ended
  std::shared_ptr<Steps> steps;
  bool is_abandoned = false;
  steady_clock::time_point abandoned_at;
  bool must_end = false;  // the thread
  bool has_ended = false;
};

ThreadExecutor::ThreadExecutor(std::shared_ptr<FileSystem> files, FunctionsOf functions_of, Options options)
    : shared_(std::make_shared<Shared>()) {
  CHECK(options.threads > 0);
  shared_->files = std::move(files);
  shared_->functions_of = std::move(functions_of);
  shared_->seed = options.seed;
  shared_->keys = std::move(options.keys);
  const size_t memory = std::max(options.memory_bytes, kMemoryMin) - kMemoryOfOthers;
  shared_->slot_bytes = std::max(memory / options.threads, 2 * kMemoryOfFiles) - kMemoryOfFiles;
  for (size_t i = 0; i < options.threads; ++i) slots_.push_back(new_slot());
}

ThreadExecutor::~ThreadExecutor() {
  {
    const std::lock_guard lock(shared_->mutex);
    for (const auto& slot : slots_) {
      slot->must_end = true;
      if (slot->steps) slot->steps->stop();
      slot->is_abandoned = true;
      slot->something_to_do.notify_all();
    }
  }
  const auto give_up = steady_clock::now() + kGrace;
  for (const auto& slot : slots_) {
    std::unique_lock lock(shared_->mutex);
    const bool has_ended = shared_->something_ended.wait_until(lock, give_up, [&] { return slot->has_ended; });
    lock.unlock();
    has_ended ? slot->thread.join() : slot->thread.detach();
  }
}

std::shared_ptr<ThreadExecutor::Slot> ThreadExecutor::new_slot() {
  auto slot = std::make_shared<Slot>(shared_);
  slot->thread = std::thread([slot] { run(slot); });
  return slot;
}

void ThreadExecutor::run(const std::shared_ptr<Slot>& slot) {
  // A command that reads no further than it likes closes its pipe: that is an error of write(), not the end of the
  // worker.
  sigset_t broken_pipe;
  ::sigemptyset(&broken_pipe);
  ::sigaddset(&broken_pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  Shared& shared = *slot->shared;
  AttemptMemory memory(shared.slot_bytes, shared.seed);
  std::unique_lock lock(shared.mutex);
  for (;;) {
    slot->something_to_do.wait(lock, [&] { return slot->must_end || slot->assignment; });
    if (slot->must_end) break;
    const Assignment assignment = *slot->assignment;
    const std::shared_ptr<Steps> steps = slot->steps;
    lock.unlock();
    std::variant<Output, Plan, Fault> result;
    if (const Result<Functions> functions = shared.functions_of(*assignment.record); functions) {
      AttemptContext context{*shared.files, *functions, memory, *steps, shared.keys};
      result = run_attempt(context, assignment);
    } else {
      result = Fault{.kind = Fault::Kind::kFatal, .message = functions.error().message};
    }
    lock.lock();
    const std::string path = path_of(assignment, result);
    if (!slot->is_abandoned) {
      shared.ended.push_back({Finished{assignment.attempt, std::move(result)}, path});
    } else if (!path.empty()) {
      (void)shared.files->remove(path);  // it came too late: nobody will ever name it
    }
    slot->assignment.reset();
    slot->steps.reset();
    slot->is_abandoned = false;
    shared.something_ended.notify_all();
  }
  slot->has_ended = true;
  shared.something_ended.notify_all();
}

size_t ThreadExecutor::free_slots() const {
  const std::lock_guard lock(shared_->mutex);
  size_t count = 0;
  for (const auto& slot : slots_) {
    const bool is_stuck = slot->is_abandoned && steady_clock::now() - slot->abandoned_at > kGrace;
    if (!slot->assignment || is_stuck) ++count;
  }
  return count;
}

void ThreadExecutor::start(Assignment assignment) {
  std::unique_lock lock(shared_->mutex);
  for (auto& slot : slots_) {
    if (slot->assignment && slot->is_abandoned && steady_clock::now() - slot->abandoned_at > kGrace) {
      slot->must_end = true;  // should it ever return
      slot->thread.detach();
      slot = new_slot();
    }
    if (slot->assignment) continue;
    slot->assignment = std::move(assignment);
    slot->steps = std::make_shared<Steps>();
    slot->something_to_do.notify_all();
    return;
  }
  CHECK(false) << "no free slot";
}

void ThreadExecutor::abandon(const Attempt& attempt) {
  const std::lock_guard lock(shared_->mutex);
  for (const auto& slot : slots_) {
    if (!slot->assignment || slot->is_abandoned || slot->assignment->attempt != attempt) continue;
    slot->is_abandoned = true;
    slot->abandoned_at = steady_clock::now();
    slot->steps->stop();
  }
  std::erase_if(shared_->ended, [&](const Shared::Ended& ended) {
    if (ended.finished.attempt != attempt) return false;
    if (!ended.path.empty()) (void)shared_->files->remove(ended.path);
    return true;
  });
}

std::vector<Finished> ThreadExecutor::take_finished() {
  const std::lock_guard lock(shared_->mutex);
  std::vector<Finished> all;
  for (Shared::Ended& ended : shared_->ended) all.push_back(std::move(ended.finished));
  shared_->ended.clear();
  return all;
}

Progress ThreadExecutor::progress(const Attempt& attempt) const {
  const std::lock_guard lock(shared_->mutex);
  for (const auto& slot : slots_) {
    if (!slot->assignment || slot->is_abandoned || slot->assignment->attempt != attempt) continue;
    Progress progress;
    progress.bytes_done = slot->steps->bytes_done();
    progress.steps = slot->steps->steps();
    if (attempt.task.kind == TaskKind::kMap && slot->steps->shows_records()) {
      progress.at = BadRecord{slot->assignment->plan->splits[attempt.task.index].name, slot->steps->at()};
    }
    return progress;
  }
  return {};
}

void ThreadExecutor::wait(std::chrono::milliseconds time) {
  std::unique_lock lock(shared_->mutex);
  shared_->something_ended.wait_for(lock, time, [&] { return shared_->is_woken || !shared_->ended.empty(); });
  shared_->is_woken = false;
}

void ThreadExecutor::wake() {
  const std::lock_guard lock(shared_->mutex);
  shared_->is_woken = true;
  shared_->something_ended.notify_all();
}

}  // namespace torc::mapreduce
