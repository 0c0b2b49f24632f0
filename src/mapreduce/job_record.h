// The key of a job: what was asked for, and how far it is. And the names of all its keys.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mapreduce/attempt.h"
#include "mapreduce/fields.h"

namespace torc::mapreduce {

constexpr size_t kJobNameBytesMax = 100;
constexpr uint32_t kReducesMax = 10'000;
constexpr uint32_t kSplitsMax = 1'000'000;
constexpr size_t kSplitsPerPage = 500;
constexpr uint32_t kAttemptsMax = 4;  // failures of one task in one run of the job; then the job fails
constexpr uint32_t kLossesMax = 100;  // expired leases likewise: something ends every worker that tries

/// An input that begins so is not a file: the keys of the store that begin with the rest.
constexpr std::string_view kKeysInput = "torc:";

/// What the submitter asked for; never changes. Whatever the output depends on stands here and not at the workers.
struct JobSpec {
  std::string map;  // a built-in name, a name of the program's own, or a command for the shell
  std::string reduce;
  std::vector<std::string> inputs;  // files, patterns, directories, or torc:PREFIX for keys
  std::string directory;            // absolute: inputs that do not begin with a slash are relative to it
  std::string output;               // directory, absolute
  uint32_t reduces = 1;
  uint64_t split_bytes = 0;
  uint32_t splits_multiple = 1;  // the planner makes the number of splits a multiple of it, so that no core waits
  uint64_t skip_bad_records = 0;
  uint64_t record_timeout_ms = 60'000;
  uint64_t lease_ms = 3'000;
  bool has_backups = true;  // false: never two attempts at a task on purpose (those of a load write keys)
  bool is_synced = true;    // false for a job that no other process can resume
  std::map<std::string, std::string> arguments;  // for the functions: pattern, ...

  bool operator==(const JobSpec&) const = default;
  /// Where an input is, by the name that the submitter gave it.
  std::string path_of(std::string_view input) const;
};

enum class JobState : uint8_t { kRunning, kPublishing, kDone, kFailed, kCancelled };
std::string_view to_string(JobState state);

struct JobRecord {
  uint64_t birth = 0;  // random: tells jobs of one name apart
  JobState state = JobState::kRunning;
  uint32_t run = 1;         // raised by resume
  std::string reason;       // of a failure: one sentence
  uint64_t created_ms = 0;  // Unix time by the submitter's clock; for people
  uint64_t ended_ms = 0;
  Counters counters;  // of a job that is done: of all winners, and bytes written
  JobSpec spec;

  bool is_ended() const {
    return state == JobState::kDone || state == JobState::kFailed || state == JobState::kCancelled;
  }
  bool operator==(const JobRecord&) const = default;

  std::string encode() const;
  /// Errors: kCorrupt.
  static Result<JobRecord> parse(std::string_view text);

  /// Where attempts write: inside the output directory, so that publication is a move within one file system.
  std::string scratch() const;
  /// The final name of a reduce's output.
  std::string output_path(uint32_t partition) const;
};

/// Letters, digits and ".-_", not beginning with a dot; it stands in keys and paths. Errors: kInvalid.
Status check_job_name(std::string_view name);

/// Names of all jobs, one a line.
constexpr std::string_view kJobsKey = "mapreduce:jobs";
/// Keys that begin so belong to jobs and to nobody's data.
constexpr std::string_view kJobKeyPrefix = "{mapreduce:";

std::string job_key(std::string_view job);
std::string plan_key(std::string_view job, AttemptId attempt, size_t page);
std::string task_key(std::string_view job, TaskName task);
std::string bad_records_key(std::string_view job);
/// Says until when attempts at a reduce may write keys (torc_keys.h).
std::string permit_key(std::string_view job, TaskName task);

}  // namespace torc::mapreduce
