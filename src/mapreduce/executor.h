// Who runs attempts, as the protocol sees it: threads in a worker, fibers in the tests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "mapreduce/attempt.h"
#include "mapreduce/job_record.h"
#include "mapreduce/plan.h"
#include "mapreduce/task_record.h"

namespace torc::mapreduce {

/// A record that a map cannot take, named so that a person finds it.
struct BadRecord {
  std::string input;  // path
  uint64_t at = 0;    // byte in it where the record begins

  auto operator<=>(const BadRecord&) const = default;
};

/// The output of a map, as its task's record names it.
struct MapOutput {
  AttemptId winner;
  Output output;
};

/// Everything an attempt needs to know; immutable.
struct Assignment {
  Attempt attempt;
  std::string job;
  std::shared_ptr<const JobRecord> record;
  std::shared_ptr<const Plan> plan;                           // not for the plan itself
  std::vector<BadRecord> bad_records;                         // of a map: to be skipped
  std::shared_ptr<const std::vector<MapOutput>> map_outputs;  // of a reduce: all, in the order of the splits
};

/// Why an attempt has no output.
struct Fault {
  enum class Kind : uint8_t {
    kFailed,     // may do better next time
    kFatal,      // no attempt will do better: the job fails
    kBadRecord,  // `record` could not be mapped
    kLostInput,  // the output of `map` by `winner` is missing or damaged
    kStopped,    // it was abandoned
  };
  Kind kind = Kind::kFailed;
  std::string message;  // one sentence
  BadRecord record;
  uint32_t map = 0;
  AttemptId winner;
};

struct Finished {
  Attempt attempt;
  std::variant<Output, Plan, Fault> result;
};

struct Progress {
  uint64_t bytes_done = 0;
  uint64_t steps = 0;  // changes whenever the attempt gets on: records, blocks
  BadRecord at;        // a map: the record it is in
};

class Executor {
 public:
  virtual ~Executor() = default;
  virtual size_t free_slots() const = 0;
  /// Requires: a free slot.
  virtual void start(Assignment assignment) = 0;
  /// Nobody wants its output any more: it ends as soon as it can and removes its file; it is not among the finished.
  virtual void abandon(const Attempt& attempt) = 0;
  /// What ended since the last call, of those not abandoned. All their output is synced.
  virtual std::vector<Finished> take_finished() = 0;
  virtual Progress progress(const Attempt& attempt) const = 0;
};

}  // namespace torc::mapreduce
