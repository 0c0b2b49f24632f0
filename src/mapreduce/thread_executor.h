// Runs attempts on threads of this process, one each.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "mapreduce/attempt_context.h"
#include "mapreduce/executor.h"
#include "mapreduce/file_system.h"

namespace torc::mapreduce {

/// What a job's names for its map and its reduce mean in this program. Errors: kInvalid: it has no such functions.
using FunctionsOf = std::function<Result<Functions>(const JobRecord&)>;

/// How much of --memory is not the attempts': the program, the client, buffers for files.
constexpr size_t kMemoryOfOthers = 24u << 20;
constexpr size_t kMemoryOfFiles = 2u << 20;  // of each attempt
constexpr size_t kMemoryMin = 64u << 20;

class ThreadExecutor final : public Executor {
 public:
  struct Options {
    size_t threads = 1;
    size_t memory_bytes = 512u << 20;  // of the whole process
    uint64_t seed = 0;                 // secret: see CountTable
    KeySourceOf keys;                  // empty: there is no store to read from
  };
  ThreadExecutor(std::shared_ptr<FileSystem> files, FunctionsOf functions_of, Options options);
  /// Stops what runs. A map that does not return keeps its thread until the process ends; everything it uses lives on.
  ~ThreadExecutor() override;

  size_t free_slots() const override;
  void start(Assignment assignment) override;
  void abandon(const Attempt& attempt) override;
  std::vector<Finished> take_finished() override;
  Progress progress(const Attempt& attempt) const override;

  /// Until an attempt finishes, at most `time`. wake() ends it too, from any thread.
  void wait(std::chrono::milliseconds time);
  void wake();
  size_t slots() const { return slots_.size(); }

 private:
  struct Shared;
  struct Slot;
  std::shared_ptr<Slot> new_slot();
  static void run(const std::shared_ptr<Slot>& slot);

  std::shared_ptr<Shared> shared_;
  std::vector<std::shared_ptr<Slot>> slots_;
};

}  // namespace torc::mapreduce
