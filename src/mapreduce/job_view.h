// What a worker knows of a job: its record, the plan, which tasks are done, and those that are not as they were when
// last read.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "mapreduce/executor.h"
#include "mapreduce/job_record.h"
#include "mapreduce/key_store.h"
#include "mapreduce/task_record.h"

namespace torc::mapreduce {

/// A task's key as it was read: the text is what a compare-and-set must name.
struct TaskRead {
  std::optional<std::string> text;
  TaskRecord record;
};

/// Tasks of one kind.
class TaskList {
 public:
  explicit TaskList(TaskKind kind, uint32_t count);

  TaskKind kind() const { return kind_; }
  uint32_t size() const { return static_cast<uint32_t>(winners_.size()); }
  bool is_done() const { return undone_.empty(); }
  uint32_t done_count() const { return size() - static_cast<uint32_t>(undone_.size()); }
  /// The first tasks that are not done, at most kWindow: those that run and those to be begun are among them, because
  /// everyone begins with the lowest ones.
  std::vector<uint32_t> window() const;
  const std::optional<MapOutput>& winner(uint32_t index) const { return winners_[index]; }
  void note_done(uint32_t index, MapOutput winner);
  void note_undone(uint32_t index);
  /// Of the finished ones, by their attempts' own clocks; nothing while none is finished.
  std::optional<uint64_t> median_took_ms() const;

 private:
  static constexpr size_t kWindow = 256;

  TaskKind kind_;
  std::vector<std::optional<MapOutput>> winners_;
  std::set<uint32_t> undone_;
};

class JobView {
 public:
  JobView(KeyStore& store, std::string job) : store_(store), job_(std::move(job)) {}

  enum class Refreshed {
    kFine,
    kGone,   // there is no such job (any more)
    kOther,  // a job of this name, but another birth: the one looked at before was removed
  };
  /// Reads the job's record and the tasks of the present phase that are not done. Errors: kUnavailable, kCorrupt.
  Result<Refreshed> refresh();

  const std::string& job() const { return job_; }
  bool has_record() const { return record_ != nullptr; }
  /// Requires: has_record(), as the following.
  const JobRecord& record() const { return *record_; }
  std::shared_ptr<const JobRecord> shared_record() const { return record_; }
  const std::string& record_text() const { return record_text_; }
  /// Null until the plan is done.
  std::shared_ptr<const Plan> plan() const { return plan_; }

  /// The tasks that can be worked at now, as last read: the plan, or maps, or reduces.
  const std::map<TaskName, TaskRead>& open_tasks() const { return open_; }
  /// Of the present phase; null while there is no plan.
  const TaskList* phase() const;
  const TaskList& maps() const { return *maps_; }
  const TaskList& reduces() const { return *reduces_; }
  bool all_done() const { return plan_ && maps_->is_done() && reduces_->is_done(); }
  /// Of all winners. Requires: all_done().
  Counters totals() const;
  /// Requires: all maps are done.
  std::shared_ptr<const std::vector<MapOutput>> map_outputs() const;

  /// This worker has just read or written the record.
  void note(TaskName task, std::optional<std::string> text, TaskRecord record);
  /// A map's output was found to be lost; whether its record says so already is to be read.
  void doubt_map(uint32_t index);

 private:
  Result<Refreshed> take_job(std::string text);
  Status take_task(TaskName task, std::optional<std::string> text);
  Status take_plan(const TaskRecord& record);
  std::vector<TaskName> wanted() const;

  KeyStore& store_;
  std::string job_;
  std::string record_text_;
  std::shared_ptr<const JobRecord> record_;
  std::shared_ptr<const Plan> plan_;
  std::optional<TaskList> maps_;
  std::optional<TaskList> reduces_;
  std::map<TaskName, TaskRead> open_;
  mutable std::shared_ptr<const std::vector<MapOutput>> map_outputs_;  // made when first asked for
};

}  // namespace torc::mapreduce
