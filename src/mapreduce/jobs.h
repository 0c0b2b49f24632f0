// Jobs from the outside: submitted, listed, watched, cancelled, resumed, removed. By whoever has the store and the
// files; no worker is asked.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mapreduce/file_system.h"
#include "mapreduce/job_record.h"
#include "mapreduce/key_store.h"
#include "mapreduce/task_record.h"

namespace torc::mapreduce {

/// How far a job is, all its tasks read once.
struct JobStatus {
  JobRecord record;
  bool is_planned = false;
  struct Phase {
    uint64_t tasks = 0;
    uint64_t done = 0;
    uint64_t running = 0;
    uint64_t input_bytes = 0;
    uint64_t bytes_done = 0;
  };
  Phase maps;
  Phase reduces;
  uint64_t attempts = 0;
  uint64_t failures = 0;
  uint64_t bad_records = 0;
  uint64_t output_bytes = 0;
  Counters counters;                // of the winners
  std::vector<std::string> faults;  // of tasks that are not done: "map 3: ...", at most ten
};

class Jobs {
 public:
  Jobs(KeyStore& store, FileSystem& files) : store_(store), files_(files) {}

  /// Makes the directories and the job. `birth`: random. Errors: kInvalid: the name is taken, or the output directory
  /// holds outputs.
  Status submit(const std::string& job, const JobSpec& spec, uint64_t birth, uint64_t now_ms);
  /// Those that exist, in the order of their names.
  Result<std::map<std::string, JobRecord>> list();
  /// Errors: kNotFound.
  Result<JobRecord> find(const std::string& job);
  Result<JobStatus> status(const std::string& job);
  /// Errors: kNotFound. kInvalid: it has ended, or its outputs are being published.
  Status cancel(const std::string& job, uint64_t now_ms);
  /// Makes a failed or cancelled job run again; tasks that are done stay done. One that runs is left alone: whoever
  /// wants to take part starts workers. Errors: kNotFound. kInvalid: it is done.
  Status resume(const std::string& job);
  /// The keys and the scratch directory; never outputs that are published. Errors: kNotFound. kInvalid: it has not
  /// ended.
  Status remove(const std::string& job, bool even_if_running);
  /// Ends the lines of a worker that has died for certain, so that nobody waits for its leases. `fault`: empty, or why
  /// its attempts count as failed.
  Status bury(const std::string& job, WorkerId worker, const std::string& fault);

 private:
  Status change_list(const std::string& job, bool is_added);
  Result<std::vector<TaskName>> tasks_of(const std::string& job, const JobRecord& record, TaskRecord* plan);

  KeyStore& store_;
  FileSystem& files_;
};

}  // namespace torc::mapreduce
