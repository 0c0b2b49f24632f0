// The record of a task as a value, and every change that may be made to it. Pure: what is stored, and that nobody else
// changed it meanwhile, is the caller's business (certain.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mapreduce/attempt.h"
#include "mapreduce/fields.h"

namespace torc::mapreduce {

constexpr size_t kRunnersMax = 2;  // one, and a backup

/// An attempt that is believed to live.
struct Runner {
  AttemptId attempt;
  uint64_t beat = 0;
  uint64_t bytes_done = 0;  // of its input, for people

  bool operator==(const Runner&) const = default;
};

/// What an attempt has written, all of it synced.
struct Output {
  std::string file;       // in the scratch directory; empty: the attempt writes no file (the plan)
  uint64_t bytes = 0;     // of the file. The plan: splits
  uint32_t crc = 0;       // of a reduce: of the file. Of a map: of the file's index, which has the CRCs of the rest
  uint64_t index_at = 0;  // of a map: where the file's index begins
  uint64_t input_bytes = 0;
  uint64_t took_ms = 0;  // by its worker's clock
  Counters counters;

  bool operator==(const Output&) const = default;
};

struct TaskRecord {
  uint32_t begun = 0;     // attempts
  uint32_t failures = 0;  // of attempts, in this run of the job
  uint32_t lost = 0;      // attempts whose lease ran out, in this run of the job
  uint32_t run = 0;       // of the job, for which failures and lost count
  std::string fault;      // of the last failure; for people
  std::vector<Runner> runners;
  std::optional<AttemptId> winner;
  Output output;  // the winner's

  bool is_done() const { return winner.has_value(); }
  const Runner* runner(AttemptId attempt) const;
  bool operator==(const TaskRecord&) const = default;

  std::string encode() const;
  /// Errors: kCorrupt.
  static Result<TaskRecord> parse(std::string_view text);
};

/// The name of the next attempt by `worker`.
AttemptId next_attempt(const TaskRecord& record, WorkerId worker);

// Every change gives the record as it must be written, or nothing if it may not be made: the attempt has been replaced,
// or the task is done. Whoever gets nothing has no say in this task any more.

/// Adds a runner; in the place of `replaced` if its lease ran out. `run`: the job's present one.
/// Nothing: done, `replaced` is no runner any more, or there is no room.
std::optional<TaskRecord> claimed(TaskRecord record, WorkerId worker, std::optional<AttemptId> replaced, uint32_t run);
std::optional<TaskRecord> beaten(TaskRecord record, AttemptId attempt, uint64_t bytes_done);
/// Only a runner completes, and only once: this is what keeps a worker that wakes up late from counting.
std::optional<TaskRecord> completed(TaskRecord record, AttemptId attempt, Output output);
std::optional<TaskRecord> failed(TaskRecord record, AttemptId attempt, std::string fault, uint32_t run);
/// The attempt ends without blame: what it needed was gone, or its worker stops.
std::optional<TaskRecord> released(TaskRecord record, AttemptId attempt);
/// Its worker has died for certain: counts as a lease that ran out.
std::optional<TaskRecord> orphaned(TaskRecord record, AttemptId attempt, uint32_t run);
/// The winner's output is lost or damaged: the task is to be done again.
std::optional<TaskRecord> taken_back(TaskRecord record, AttemptId winner);

}  // namespace torc::mapreduce
