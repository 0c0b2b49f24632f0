// What becomes of attempts that have ended.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "mapreduce/bad_records.h"
#include "mapreduce/certain.h"
#include "mapreduce/worker.h"
#include "mapreduce/worker_write.h"

namespace torc::mapreduce {

Status Worker::report_finished(uint64_t now_ms) {
  for (Finished& finished : executor_.take_finished()) unreported_.push_back(std::move(finished));
  while (!unreported_.empty()) {
    // It stays in the list until its report is through: an error in between (the store is away) repeats it.
    if (Status status = report(unreported_.back(), now_ms); !status) return status;
    running_.erase(unreported_.back().attempt);
    unreported_.pop_back();
  }
  return {};
}

Status Worker::report(const Finished& finished, uint64_t now_ms) {
  const Attempt& attempt = finished.attempt;
  const auto running = running_.find(attempt);
  if (running == running_.end()) return {};  // replaced since
  if (const Output* output = std::get_if<Output>(&finished.result)) {
    Output timed = *output;
    timed.took_ms = now_ms - std::min(now_ms, running->second.began_ms);
    return report_output(attempt, std::move(timed));
  }
  if (const Plan* plan = std::get_if<Plan>(&finished.result)) return report_plan(attempt, *plan);
  return report_fault(attempt, std::get<Fault>(finished.result));
}

Status Worker::report_output(const Attempt& attempt, Output output) {
  const Result<Written> written =
      write(attempt, [&](TaskRecord record) { return completed(std::move(record), attempt.id, output); });
  if (!written) return written.error();
  if (*written == Written::kYes) {
    ++counts_.completed;
    return {};
  }
  ++counts_.beaten;
  if (!output.file.empty()) remove_file_of(attempt);
  return {};
}

/// The pages carry the attempt's id in their keys, as files do in their names: nobody else writes there, and nobody
/// reads them before the record names this attempt. The beat first: who has been replaced writes none.
Status Worker::report_plan(const Attempt& attempt, const Plan& plan) {
  const Result<Written> is_current = write_beat(attempt);
  if (!is_current) return is_current.error();
  if (*is_current == Written::kReplaced) return {};
  const std::vector<std::string> pages = encode_pages(plan);
  for (size_t page = 0; page < pages.size(); ++page) {
    const Result<bool> changed =
        change(store_, plan_key(view_.job(), attempt.id, page), std::nullopt, pages[page], Lifetime::kFirstDay);
    if (!changed) return changed.error();
  }
  Output output;
  output.bytes = plan.splits.size();
  for (const Split& split : plan.splits) output.input_bytes += split.input_bytes();
  return report_output(attempt, std::move(output));
}

Status Worker::report_fault(const Attempt& attempt, const Fault& fault) {
  ++counts_.failed;
  switch (fault.kind) {
    case Fault::Kind::kStopped:
      return {};
    case Fault::Kind::kFailed:
      return fail_attempt(attempt, fault.message);
    case Fault::Kind::kFatal:
      if (Status status = fail_attempt(attempt, fault.message); !status) return status;
      return end_job(JobState::kFailed, fault.message);
    case Fault::Kind::kBadRecord:
      return report_bad_record(attempt, fault);
    case Fault::Kind::kLostInput:
      return report_lost_input(attempt, fault);
  }
  return {};
}

Status Worker::fail_attempt(const Attempt& attempt, const std::string& message) {
  const uint32_t run = view_.record().run;
  const Result<Written> written =
      write(attempt, [&](TaskRecord record) { return failed(std::move(record), attempt.id, message, run); });
  return written ? Status() : Status(written.error());
}

/// The list of bad records is one key, so that the number of them in the whole job is exact. The beat first: who has
/// been replaced has no say.
Status Worker::report_bad_record(const Attempt& attempt, const Fault& fault) {
  const Result<Written> is_current = write_beat(attempt);
  if (!is_current) return is_current.error();
  if (*is_current == Written::kReplaced) return {};
  const std::string key = bad_records_key(view_.job());
  for (;;) {
    const Result<std::optional<std::string>> text = read_one(store_, key);
    if (!text) return text.error();
    Result<std::vector<BadRecord>> known = parse_bad_records(text->value_or(""));
    if (!known) return known.error();
    if (std::find(known->begin(), known->end(), fault.record) == known->end()) {
      if (known->size() >= view_.record().spec.skip_bad_records) return fail_attempt(attempt, fault.message);
      known->push_back(fault.record);
      const Result<bool> changed = change(store_, key, *text, encode_bad_records(*known));
      if (!changed) return changed.error();
      if (!*changed) continue;
    }
    const Result<Written> written =
        write(attempt, [&](TaskRecord record) { return released(std::move(record), attempt.id); });
    return written ? Status() : Status(written.error());
  }
}

/// A map's output is gone or damaged: its record is taken back, by the winner's name, so that a newer one stays. The
/// beat first: a reduce that slept until the job was done finds no scratch directory any more.
Status Worker::report_lost_input(const Attempt& attempt, const Fault& fault) {
  const Result<Written> is_current = write_beat(attempt);
  if (!is_current) return is_current.error();
  if (*is_current == Written::kReplaced) return {};
  const TaskName map{TaskKind::kMap, fault.map};
  const std::string key = task_key(view_.job(), map);
  for (;;) {
    const Result<std::optional<std::string>> text = read_one(store_, key);
    if (!text) return text.error();
    if (!*text) break;
    const Result<TaskRecord> record = TaskRecord::parse(**text);
    if (!record) return record.error();
    const std::optional<TaskRecord> back = taken_back(*record, fault.winner);
    if (!back) break;
    const Result<bool> changed = change(store_, key, *text, back->encode());
    if (!changed) return changed.error();
    if (*changed) break;
  }
  view_.doubt_map(fault.map);
  const Result<Written> written =
      write(attempt, [&](TaskRecord record) { return released(std::move(record), attempt.id); });
  return written ? Status() : Status(written.error());
}

void Worker::remove_file_of(const Attempt& attempt) {
  (void)files_.remove(view_.record().scratch() + "/" + attempt.file_name());
}

}  // namespace torc::mapreduce
