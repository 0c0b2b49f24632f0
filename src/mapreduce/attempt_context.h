// What running an attempt needs beside its assignment.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "mapreduce/count_table.h"
#include "mapreduce/executor.h"
#include "mapreduce/file_system.h"
#include "mapreduce/job.h"
#include "mapreduce/key_source.h"
#include "mapreduce/sort_buffer.h"

namespace torc::mapreduce {

/// How far an attempt is, written by it and read by its worker at any time.
class Steps {
 public:
  void in_record(uint64_t at) {
    at_.store(at, std::memory_order_relaxed);
    steps_.store(steps() + 1, std::memory_order_relaxed);
  }
  void step() { in_record(at()); }
  void done(uint64_t bytes) { bytes_done_.store(bytes_done() + bytes, std::memory_order_relaxed); }
  uint64_t bytes_done() const { return bytes_done_.load(std::memory_order_relaxed); }
  uint64_t steps() const { return steps_.load(std::memory_order_relaxed); }
  uint64_t at() const { return at_.load(std::memory_order_relaxed); }
  /// The records it is in say nothing about where it hangs.
  void hide_records() { shows_records_.store(false, std::memory_order_relaxed); }
  bool shows_records() const { return shows_records_.load(std::memory_order_relaxed); }
  void stop() { must_stop_.store(true, std::memory_order_relaxed); }
  bool must_stop() const { return must_stop_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> bytes_done_ = 0;
  std::atomic<uint64_t> steps_ = 0;
  std::atomic<uint64_t> at_ = 0;
  std::atomic<bool> must_stop_ = false;
  std::atomic<bool> shows_records_ = true;
};

/// What a thread keeps from one attempt to the next: memory that was touched once is fast.
class AttemptMemory {
 public:
  AttemptMemory(size_t bytes, uint64_t seed) : bytes_(bytes), seed_(seed) {}

  size_t bytes() const { return bytes_; }
  /// Empty. Whichever of the two was used before is given back first: together they would need twice the memory.
  CountTable& table();
  SortBuffer& sort_buffer(uint32_t partitions);
  void give_back();

 private:
  size_t bytes_;
  uint64_t seed_;
  std::optional<CountTable> table_;
  std::optional<SortBuffer> sort_buffer_;
  uint32_t partitions_ = 0;
};

struct AttemptContext {
  FileSystem& files;
  const Functions& functions;
  AttemptMemory& memory;
  Steps& steps;
  const KeySourceOf& keys;  // may be empty: there is no store to read from
};

/// What a Mapper or a Reducer may look at.
struct AttemptScope {
  const Assignment& assignment;
  Steps& steps;
};

/// Ends an attempt from wherever its code is; run_attempt() makes it the result.
struct AttemptFault {
  Fault fault;
};

[[noreturn]] inline void throw_fault(Fault::Kind kind, std::string message) {
  throw AttemptFault{Fault{.kind = kind, .message = std::move(message)}};
}
inline void throw_unless(const Status& status) {
  if (!status) throw_fault(Fault::Kind::kFailed, status.error().message);
}
inline void throw_if_stopped(const Steps& steps) {
  if (steps.must_stop()) throw_fault(Fault::Kind::kStopped, "stopped");
}

/// Runs an attempt to its end. Its file, if it has one, is synced when this returns an output, and removed when not.
std::variant<Output, Plan, Fault> run_attempt(AttemptContext& context, const Assignment& assignment);

// map_attempt.cc, reduce_attempt.cc, plan_attempt.cc. Throw AttemptFault.
Output run_map(AttemptContext& context, const Assignment& assignment);
Output run_reduce(AttemptContext& context, const Assignment& assignment);
Plan make_plan(AttemptContext& context, const JobRecord& job);

}  // namespace torc::mapreduce
