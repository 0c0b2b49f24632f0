#include "mapreduce/jobs.h"

#include <algorithm>
#include <utility>

#include "mapreduce/bad_records.h"
#include "mapreduce/certain.h"
#include "mapreduce/fields.h"
#include "mapreduce/plan.h"

namespace torc::mapreduce {
namespace {

constexpr size_t kFaultsShown = 10;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

Error not_found(const std::string& job) { return Error{ErrorCode::kNotFound, "there is no job " + job}; }

void add_task(JobStatus& status, TaskName task, const TaskRecord& record) {
  JobStatus::Phase& phase = task.kind == TaskKind::kMap ? status.maps : status.reduces;
  status.attempts += record.begun;
  if (record.run == status.record.run) status.failures += record.failures;
  if (record.is_done()) {
    ++phase.done;
    phase.bytes_done += record.output.input_bytes;
    if (task.kind == TaskKind::kReduce) {
      phase.input_bytes += record.output.input_bytes;
      status.output_bytes += record.output.bytes;
    }
    for (const auto& [name, value] : record.output.counters) status.counters[name] += value;
    return;
  }
  uint64_t most = 0;
  for (const Runner& runner : record.runners) most = std::max(most, runner.bytes_done);
  phase.bytes_done += most;
  if (!record.runners.empty()) ++phase.running;
  if (!record.fault.empty() && status.faults.size() < kFaultsShown) {
    status.faults.push_back(task.title() + ": " + record.fault);
  }
}

}  // namespace

Status Jobs::change_list(const std::string& job, bool is_added) {
  const std::string key(kJobsKey);
  for (;;) {
    const Result<std::optional<std::string>> text = read_one(store_, key);
    if (!text) return text.error();
    std::vector<std::string> names = lines_of(text->value_or(""));
    const auto at = std::lower_bound(names.begin(), names.end(), job);
    const bool is_there = at != names.end() && *at == job;
    if (is_there == is_added) return {};
    if (is_added) {
      names.insert(at, job);
    } else {
      names.erase(at);
    }
    std::string changed_text;
    for (const std::string& name : names) changed_text += name + "\n";
    const Result<bool> changed = change(store_, key, *text, changed_text);
    if (!changed) return changed.error();
    if (*changed) return {};
  }
}

Status Jobs::submit(const std::string& job, const JobSpec& spec, uint64_t birth, uint64_t now_ms) {
  if (Status status = check_job_name(job); !status) return status;
  JobRecord record;
  record.birth = birth;
  record.created_ms = now_ms;
  record.spec = spec;
  for (uint32_t partition = 0; partition < spec.reduces; ++partition) {
    const Result<std::unique_ptr<ReadableFile>> there = files_.open(record.output_path(partition));
    if (there) {
      return Error{ErrorCode::kInvalid, record.output_path(partition) + " is there already: choose another directory"};
    }
    if (there.error().code != ErrorCode::kNotFound) return there.error();
  }
  if (Status status = files_.make_directory(record.scratch()); !status) return status;
  if (spec.is_synced) {
    if (Status status = files_.sync_directory(spec.output); !status) return status;
  }
  // The list first: a job that nobody lists could be neither cancelled nor removed.
  if (Status status = change_list(job, true); !status) return status;
  const Result<bool> created = change(store_, job_key(job), std::nullopt, record.encode());
  if (!created) return created.error();
  if (*created) return {};
  (void)files_.remove_tree(record.scratch());
  return Error{ErrorCode::kInvalid, "there is a job " + job + " already; `remove` takes it away"};
}

Result<JobRecord> Jobs::find(const std::string& job) {
  const Result<std::optional<std::string>> text = read_one(store_, job_key(job));
  if (!text) return text.error();
  if (!*text) return not_found(job);
  return JobRecord::parse(**text);
}

Result<std::map<std::string, JobRecord>> Jobs::list() {
  const Result<std::optional<std::string>> text = read_one(store_, std::string(kJobsKey));
  if (!text) return text.error();
  std::map<std::string, JobRecord> jobs;
  for (const std::string& name : lines_of(text->value_or(""))) {
    Result<JobRecord> record = find(name);
    if (record) jobs.emplace(name, std::move(record).value());
    if (!record && record.error().code != ErrorCode::kNotFound) return record.error();
  }
  return jobs;
}

/// All tasks of a job, the plan first. `plan`: its record.
Result<std::vector<TaskName>> Jobs::tasks_of(const std::string& job, const JobRecord& record, TaskRecord* plan) {
  const TaskName plan_task{TaskKind::kPlan, 0};
  std::vector<TaskName> tasks = {plan_task};
  const Result<std::optional<std::string>> text = read_one(store_, task_key(job, plan_task));
  if (!text) return text.error();
  if (!*text) return tasks;
  Result<TaskRecord> parsed = TaskRecord::parse(**text);
  if (!parsed) return parsed.error();
  *plan = std::move(parsed).value();
  if (!plan->is_done()) return tasks;
  if (plan->output.bytes > kSplitsMax) return Error{ErrorCode::kCorrupt, "the plan has too many splits"};
  for (uint32_t i = 0; i < plan->output.bytes; ++i) tasks.push_back({TaskKind::kMap, i});
  for (uint32_t i = 0; i < record.spec.reduces; ++i) tasks.push_back({TaskKind::kReduce, i});
  return tasks;
}

Result<JobStatus> Jobs::status(const std::string& job) {
  Result<JobRecord> record = find(job);
  if (!record) return record.error();
  JobStatus status;
  status.record = std::move(record).value();
  TaskRecord plan;
  const Result<std::vector<TaskName>> tasks = tasks_of(job, status.record, &plan);
  if (!tasks) return tasks.error();
  status.is_planned = plan.is_done();
  if (!plan.is_done() && !plan.fault.empty()) status.faults.push_back("the plan: " + plan.fault);
  status.maps.input_bytes = plan.output.input_bytes;
  std::vector<std::string> keys;
  for (const TaskName task : *tasks) keys.push_back(task_key(job, task));
  keys.push_back(bad_records_key(job));
  const Result<std::vector<std::optional<std::string>>> values = store_.read(keys);
  if (!values) return values.error();
  for (size_t i = 1; i < tasks->size(); ++i) {
    ++((*tasks)[i].kind == TaskKind::kMap ? status.maps : status.reduces).tasks;
    if (!(*values)[i]) continue;
    const Result<TaskRecord> task = TaskRecord::parse(*(*values)[i]);
    if (!task) return task.error();
    add_task(status, (*tasks)[i], *task);
  }
  // The record of a job that is done has the last word: somebody who slept through its end may have changed tasks
  // since.
  if (status.record.state == JobState::kDone) status.counters = status.record.counters;
  const Result<std::vector<BadRecord>> bad = parse_bad_records(values->back().value_or(""));
  if (bad) status.bad_records = bad->size();
  return status;
}

Status Jobs::cancel(const std::string& job, uint64_t now_ms) {
  for (;;) {
    const Result<std::optional<std::string>> text = read_one(store_, job_key(job));
    if (!text) return text.error();
    if (!*text) return not_found(job);
    Result<JobRecord> record = JobRecord::parse(**text);
    if (!record) return record.error();
    if (record->state != JobState::kRunning) {
      return Error{ErrorCode::kInvalid, "job " + job + " is " + std::string(to_string(record->state))};
    }
    record->state = JobState::kCancelled;
    record->ended_ms = now_ms;
    const Result<bool> changed = change(store_, job_key(job), *text, record->encode());
    if (!changed) return changed.error();
    if (*changed) return {};
  }
}

Status Jobs::resume(const std::string& job) {
  for (;;) {
    const Result<std::optional<std::string>> text = read_one(store_, job_key(job));
    if (!text) return text.error();
    if (!*text) return not_found(job);
    Result<JobRecord> record = JobRecord::parse(**text);
    if (!record) return record.error();
    if (record->state == JobState::kDone) return Error{ErrorCode::kInvalid, "job " + job + " is done"};
    if (!record->is_ended()) return {};
    record->state = JobState::kRunning;
    record->reason.clear();
    record->ended_ms = 0;
    ++record->run;
    const Result<bool> changed = change(store_, job_key(job), *text, record->encode());
    if (!changed) return changed.error();
    if (*changed) return {};
  }
}

Status Jobs::remove(const std::string& job, bool even_if_running) {
  const Result<JobRecord> record = find(job);
  if (!record && record.error().code == ErrorCode::kNotFound) {
    if (Status status = change_list(job, false); !status) return status;
    return not_found(job);
  }
  if (!record) return record.error();
  if (!record->is_ended() && !even_if_running) {
    return Error{ErrorCode::kInvalid, "job " + job + " has not ended: cancel it first"};
  }
  TaskRecord plan;
  const Result<std::vector<TaskName>> tasks = tasks_of(job, *record, &plan);
  // The job's key first: whoever reads it is told that there is nothing left to do here.
  std::vector<std::string> keys = {job_key(job), bad_records_key(job)};
  if (tasks) {
    for (const TaskName task : *tasks) keys.push_back(task_key(job, task));
  }
  if (plan.is_done()) {
    for (size_t page = 0; page < page_count(plan.output.bytes); ++page) {
      keys.push_back(plan_key(job, *plan.winner, page));
    }
  }
  if (Status status = store_.erase(keys); !status) return status;
  if (Status status = change_list(job, false); !status) return status;
  return files_.remove_tree(record->scratch());
}

Status Jobs::bury(const std::string& job, WorkerId worker, const std::string& fault) {
  const Result<JobRecord> record = find(job);
  if (!record) return record.error();
  TaskRecord plan;
  const Result<std::vector<TaskName>> tasks = tasks_of(job, *record, &plan);
  if (!tasks) return tasks.error();
  std::vector<std::string> keys;
  for (const TaskName task : *tasks) keys.push_back(task_key(job, task));
  const Result<std::vector<std::optional<std::string>>> values = store_.read(keys);
  if (!values) return values.error();
  for (size_t i = 0; i < keys.size(); ++i) {
    std::optional<std::string> text = (*values)[i];
    while (text) {
      const Result<TaskRecord> task = TaskRecord::parse(*text);
      if (!task) return task.error();
      const auto runner = std::find_if(task->runners.begin(), task->runners.end(),
                                       [&](const Runner& each) { return each.attempt.worker == worker; });
      if (runner == task->runners.end()) break;
      const std::optional<TaskRecord> next = fault.empty() ? orphaned(*task, runner->attempt, record->run)
                                                           : failed(*task, runner->attempt, fault, record->run);
      if (!next) break;
      const Result<bool> changed = change(store_, keys[i], text, next->encode());
      if (!changed) return changed.error();
      const Result<std::optional<std::string>> now = read_one(store_, keys[i]);
      if (!now) return now.error();
      text = *now;
    }
  }
  return {};
}

}  // namespace torc::mapreduce
