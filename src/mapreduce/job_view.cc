#include "mapreduce/job_view.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace torc::mapreduce {

TaskList::TaskList(TaskKind kind, uint32_t count) : kind_(kind), winners_(count) {
  for (uint32_t i = 0; i < count; ++i) undone_.insert(undone_.end(), i);
}

std::vector<uint32_t> TaskList::window() const {
  std::vector<uint32_t> first;
  for (auto at = undone_.begin(); at != undone_.end() && first.size() < kWindow; ++at) first.push_back(*at);
  return first;
}

void TaskList::note_done(uint32_t index, MapOutput winner) {
  CHECK(index < winners_.size());
  winners_[index] = std::move(winner);
  undone_.erase(index);
}

void TaskList::note_undone(uint32_t index) {
  CHECK(index < winners_.size());
  winners_[index].reset();
  undone_.insert(index);
}

std::optional<uint64_t> TaskList::median_took_ms() const {
  std::vector<uint64_t> took;
  for (const std::optional<MapOutput>& winner : winners_) {
    if (winner) took.push_back(winner->output.took_ms);
  }
  if (took.empty()) return std::nullopt;
  const auto middle = took.begin() + static_cast<ptrdiff_t>(took.size() / 2);
  std::nth_element(took.begin(), middle, took.end());
  return *middle;
}

const TaskList* JobView::phase() const {
  if (!plan_) return nullptr;
  return maps_->is_done() ? &*reduces_ : &*maps_;
}

std::vector<TaskName> JobView::wanted() const {
  if (!plan_) return {TaskName{TaskKind::kPlan, 0}};
  std::vector<TaskName> tasks;
  for (const uint32_t index : phase()->window()) tasks.push_back(TaskName{phase()->kind(), index});
  return tasks;
}

Result<JobView::Refreshed> JobView::refresh() {
  // A phase that is found finished is followed by the next one at once. Each pass finishes a phase or is the last.
  for (;;) {
    const std::vector<TaskName> tasks = wanted();
    std::vector<std::string> keys = {job_key(job_)};
    for (const TaskName task : tasks) keys.push_back(task_key(job_, task));
    Result<std::vector<std::optional<std::string>>> values = store_.read(keys);
    if (!values) return values.error();
    CHECK(values->size() == keys.size());
    if (!values->front()) return Refreshed::kGone;
    const Result<Refreshed> refreshed = take_job(*std::move(values->front()));
    if (!refreshed || *refreshed != Refreshed::kFine) return refreshed;
    open_.clear();
    for (size_t i = 0; i < tasks.size(); ++i) {
      const Status taken = take_task(tasks[i], std::move((*values)[i + 1]));
      if (!taken && taken.error().code == ErrorCode::kNotFound) return Refreshed::kGone;
      if (!taken) return taken.error();
    }
    if (record_->is_ended() || !open_.empty() || all_done()) return Refreshed::kFine;
  }
}

Result<JobView::Refreshed> JobView::take_job(std::string text) {
  if (record_ && text == record_text_) return Refreshed::kFine;
  Result<JobRecord> record = JobRecord::parse(text);
  if (!record) return record.error();
  if (record_ && record_->birth != record->birth) return Refreshed::kOther;
  record_text_ = std::move(text);
  record_ = std::make_shared<const JobRecord>(std::move(record).value());
  return Refreshed::kFine;
}

Status JobView::take_task(TaskName task, std::optional<std::string> text) {
  Result<TaskRecord> record = text ? TaskRecord::parse(*text) : Result<TaskRecord>(TaskRecord{});
  if (!record) return Error{record.error().code, task_key(job_, task) + ": " + record.error().message};
  if (task.kind == TaskKind::kPlan && record->is_done()) return take_plan(*record);
  note(task, std::move(text), std::move(record).value());
  return {};
}

Status JobView::take_plan(const TaskRecord& record) {
  std::vector<std::string> keys;
  for (size_t page = 0; page < page_count(record.output.bytes); ++page) {
    keys.push_back(plan_key(job_, *record.winner, page));
  }
  const Result<std::vector<std::optional<std::string>>> pages = store_.read(keys);
  if (!pages) return pages.error();
  auto plan = std::make_shared<Plan>();
  for (size_t i = 0; i < keys.size(); ++i) {
    // Who removes a job begins with its key, so this says that the job has just been removed.
    if (!(*pages)[i]) return Error{ErrorCode::kNotFound, keys[i] + ": a page of the plan is missing"};
    if (Status status = parse_page(*(*pages)[i], *plan); !status) return status;
    // Pages are made for a day, because a planner that loses leaves its own behind. Those of the winner stay: the same
    // value once more takes their deadline away. What becomes of this change makes no difference now.
    const Result<Changed> kept = store_.replace(keys[i], *(*pages)[i], *(*pages)[i]);
    if (!kept) return kept.error();
  }
  if (plan->splits.size() != record.output.bytes) {
    return Error{ErrorCode::kCorrupt, keys[0] + ": the plan has not as many splits as its record says"};
  }
  maps_.emplace(TaskKind::kMap, static_cast<uint32_t>(plan->splits.size()));
  reduces_.emplace(TaskKind::kReduce, record_->spec.reduces);
  plan_ = std::move(plan);
  return {};
}

void JobView::note(TaskName task, std::optional<std::string> text, TaskRecord record) {
  open_.erase(task);
  if (!record.is_done()) {
    open_[task] = TaskRead{std::move(text), std::move(record)};
    return;
  }
  switch (task.kind) {
    case TaskKind::kPlan:
      break;
    case TaskKind::kMap:
      map_outputs_.reset();
      if (maps_) maps_->note_done(task.index, MapOutput{*record.winner, std::move(record.output)});
      break;
    case TaskKind::kReduce:
      if (reduces_) reduces_->note_done(task.index, MapOutput{*record.winner, std::move(record.output)});
      break;
  }
}

void JobView::doubt_map(uint32_t index) {
  map_outputs_.reset();
  maps_->note_undone(index);
  open_.clear();  // they belong to another phase now
}

std::shared_ptr<const std::vector<MapOutput>> JobView::map_outputs() const {
  CHECK(maps_ && maps_->is_done());
  if (!map_outputs_) {
    auto outputs = std::make_shared<std::vector<MapOutput>>();
    for (uint32_t i = 0; i < maps_->size(); ++i) outputs->push_back(*maps_->winner(i));
    map_outputs_ = std::move(outputs);
  }
  return map_outputs_;
}

Counters JobView::totals() const {
  CHECK(all_done());
  Counters totals;
  for (const TaskList* list : {&*maps_, &*reduces_}) {
    for (uint32_t i = 0; i < list->size(); ++i) {
      const Output& output = list->winner(i)->output;
      for (const auto& [name, value] : output.counters) totals[name] += value;
      totals[list->kind() == TaskKind::kMap ? "bytes read" : "bytes written"] +=
          list->kind() == TaskKind::kMap ? output.input_bytes : output.bytes;
    }
  }
  return totals;
}

}  // namespace torc::mapreduce
