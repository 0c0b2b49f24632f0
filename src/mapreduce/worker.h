// One worker's part in one job: the protocol of docs/mapreduce.md. Owns no thread and reads no clock; whoever drives it
// calls turn() again and again.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "base/result.h"
#include "mapreduce/executor.h"
#include "mapreduce/file_system.h"
#include "mapreduce/job_view.h"
#include "mapreduce/key_store.h"
#include "mapreduce/stillness.h"

namespace torc::mapreduce {

/// What it learnt in its life; for people and tests.
struct WorkerCounts {
  uint64_t claimed = 0;
  uint64_t completed = 0;  // attempts that won
  uint64_t beaten = 0;     // attempts that finished and lost, or were replaced
  uint64_t failed = 0;
};

class Worker {
 public:
  /// `id` is this life's own (rules.md#new-life-new-id holds for workers too).
  /// `unix_ms`: the time of day, for people.
  Worker(WorkerId id, std::string job, KeyStore& store, FileSystem& files, Executor& executor,
         std::function<uint64_t()> unix_ms);

  struct Turn {
    bool is_over = false;  // the job has ended or is gone; nothing runs here any more
    uint64_t wait_ms = 0;  // until the next turn, unless an attempt finishes before
  };
  /// One turn: report, beat, look, claim. `now_ms`: any clock that goes forward; it need not count time in which this
  /// process was stopped.
  /// Errors: kUnavailable: the store was away for longer than its patience. kCorrupt: the job's keys make no sense. The
  /// attempts that run here go on; the next turn takes up where this one ended.
  Result<Turn> turn(uint64_t now_ms);
  /// Gives back all that runs here, so that others need not wait for leases.
  void leave();

  WorkerId id() const { return id_; }
  const JobView& view() const { return view_; }
  /// The job was removed.
  bool is_gone() const { return is_gone_; }
  const WorkerCounts& counts() const { return counts_; }

 private:
  struct Running {
    std::optional<std::string> text;  // of the task's record as this worker wrote it last
    TaskRecord record;
    uint64_t began_ms = 0;
    uint64_t beat_at_ms = 0;  // the next one
    bool is_stuck = false;    // abandoned; its fault is to be reported
  };
  enum class Written { kYes, kReplaced };

  // ---- worker.cc
  Status beat(uint64_t now_ms);
  Result<Written> write_beat(const Attempt& attempt);
  void check_stuck(uint64_t now_ms);
  Status end_job(JobState state, std::string reason);
  Status finish_if_all_done();
  Result<bool> publish_all();
  void abandon_all();

  // ---- worker_reports.cc
  Status report_finished(uint64_t now_ms);
  Status report(const Finished& finished, uint64_t now_ms);
  Status report_output(const Attempt& attempt, Output output);
  Status report_plan(const Attempt& attempt, const Plan& plan);
  Status report_fault(const Attempt& attempt, const Fault& fault);
  Status report_bad_record(const Attempt& attempt, const Fault& fault);
  Status report_lost_input(const Attempt& attempt, const Fault& fault);
  Status fail_attempt(const Attempt& attempt, const std::string& message);
  /// Makes a change of the record of a running attempt, again and again while others change it too.
  template <typename Change>
  Result<Written> write(const Attempt& attempt, Change change);
  void remove_file_of(const Attempt& attempt);

  // ---- worker_claims.cc
  Status look_and_claim(uint64_t now_ms);
  struct Choice {
    TaskName task;
    std::optional<AttemptId> replaced;
  };
  std::vector<Choice> choices(uint64_t now_ms);
  Status claim(const Choice& choice, uint64_t now_ms);
  Result<Assignment> assignment_of(const Attempt& attempt);

  const WorkerId id_;
  KeyStore& store_;
  FileSystem& files_;
  Executor& executor_;
  std::function<uint64_t()> unix_ms_;
  JobView view_;
  Prng prng_;
  std::map<Attempt, Running> running_;
  std::vector<Finished> unreported_;
  StillnessWatch others_;  // their beats
  StillnessWatch own_;     // the steps of what runs here
  bool is_gone_ = false;
  uint32_t publish_refused_ = 0;
  uint64_t idle_ms_ = 0;  // how long to wait when there was nothing to do
  WorkerCounts counts_;
};

}  // namespace torc::mapreduce
