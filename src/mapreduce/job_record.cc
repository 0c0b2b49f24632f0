#include "mapreduce/job_record.h"

#include <utility>

namespace torc::mapreduce {
namespace {

constexpr JobState kStates[] = {JobState::kRunning, JobState::kPublishing, JobState::kDone, JobState::kFailed,
                                JobState::kCancelled};

Error corrupt_job(std::string_view what) { return Error{ErrorCode::kCorrupt, "job record: " + std::string(what)}; }

std::string tagged(std::string_view job, std::string_view rest) {
  return std::string(kJobKeyPrefix) + std::string(job) + "}:" + std::string(rest);
}

void put_spec(std::string& out, const JobSpec& spec) {
  put_field(out, "map", spec.map);
  put_field(out, "reduce", spec.reduce);
  for (const std::string& input : spec.inputs) put_field(out, "input", input);
  put_field(out, "directory", spec.directory);
  put_field(out, "output", spec.output);
  put_field(out, "reduces", spec.reduces);
  put_field(out, "split_bytes", spec.split_bytes);
  put_field(out, "splits_multiple", spec.splits_multiple);
  put_field(out, "skip_bad_records", spec.skip_bad_records);
  put_field(out, "record_timeout_ms", spec.record_timeout_ms);
  put_field(out, "lease_ms", spec.lease_ms);
  put_field(out, "backups", spec.has_backups ? 1 : 0);
  put_field(out, "synced", spec.is_synced ? 1 : 0);
  for (const auto& [name, value] : spec.arguments) put_field(out, "argument", name + " " + value);
}

Result<JobSpec> parse_spec(const Fields& fields) {
  JobSpec spec;
  spec.map = fields.text("map");
  spec.reduce = fields.text("reduce");
  spec.inputs = fields.all("input");
  spec.directory = fields.text("directory");
  spec.output = fields.text("output");
  const uint64_t reduces = fields.number_or("reduces", 0);
  if (reduces == 0 || reduces > kReducesMax) return corrupt_job("reduces");
  spec.reduces = static_cast<uint32_t>(reduces);
  spec.split_bytes = fields.number_or("split_bytes", 0);
  const uint64_t multiple = fields.number_or("splits_multiple", 1);
  if (spec.split_bytes == 0 || multiple == 0 || multiple > kSplitsMax) return corrupt_job("splits");
  spec.splits_multiple = static_cast<uint32_t>(multiple);
  spec.skip_bad_records = fields.number_or("skip_bad_records", 0);
  spec.record_timeout_ms = fields.number_or("record_timeout_ms", spec.record_timeout_ms);
  spec.lease_ms = fields.number_or("lease_ms", 0);
  if (spec.lease_ms == 0) return corrupt_job("lease");
  spec.has_backups = fields.number_or("backups", 1) != 0;
  spec.is_synced = fields.number_or("synced", 1) != 0;
  for (const std::string& argument : fields.all("argument")) {
    const size_t space = argument.find(' ');
    if (space == std::string::npos) return corrupt_job("an argument is a name and a value");
    spec.arguments[argument.substr(0, space)] = argument.substr(space + 1);
  }
  return spec;
}

}  // namespace

std::string JobSpec::path_of(std::string_view input) const {
  return input.starts_with('/') ? std::string(input) : directory + "/" + std::string(input);
}

std::string_view to_string(JobState state) {
  switch (state) {
    case JobState::kRunning:
      return "running";
    case JobState::kPublishing:
      return "publishing";
    case JobState::kDone:
      return "done";
    case JobState::kFailed:
      return "failed";
    case JobState::kCancelled:
      return "cancelled";
  }
  return {};
}

std::string JobRecord::encode() const {
  std::string out;
  put_field(out, "birth", to_hex(birth, 16));
  put_field(out, "state", to_string(state));
  put_field(out, "run", run);
  if (!reason.empty()) put_field(out, "reason", reason);
  put_field(out, "created_ms", created_ms);
  if (ended_ms != 0) put_field(out, "ended_ms", ended_ms);
  put_counters(out, counters);
  put_spec(out, spec);
  return out;
}

Result<JobRecord> JobRecord::parse(std::string_view text) {
  const Result<Fields> fields = Fields::parse(text);
  if (!fields) return fields.error();
  JobRecord record;
  const std::optional<uint64_t> birth = parse_hex(fields->text("birth"), 16);
  if (!birth) return corrupt_job("birth");
  record.birth = *birth;
  bool is_known = false;
  for (const JobState state : kStates) {
    if (fields->text("state") != to_string(state)) continue;
    record.state = state;
    is_known = true;
  }
  if (!is_known) return corrupt_job("an unknown state");
  const uint64_t run = fields->number_or("run", 0);
  if (run == 0 || run > UINT32_MAX) return corrupt_job("run");
  record.run = static_cast<uint32_t>(run);
  record.reason = fields->text("reason");
  record.created_ms = fields->number_or("created_ms", 0);
  record.ended_ms = fields->number_or("ended_ms", 0);
  Result<Counters> counters = parse_counters(*fields);
  if (!counters) return counters.error();
  record.counters = std::move(counters).value();
  Result<JobSpec> spec = parse_spec(*fields);
  if (!spec) return spec.error();
  record.spec = std::move(spec).value();
  return record;
}

std::string JobRecord::scratch() const { return spec.output + "/.mapreduce-" + to_hex(birth, 16); }

std::string JobRecord::output_path(uint32_t partition) const {
  const std::string digits = std::to_string(partition);
  return spec.output + "/part-" + (digits.size() < 5 ? std::string(5 - digits.size(), '0') : "") + digits;
}

Status check_job_name(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  if (!name.empty() && name.size() <= kJobNameBytesMax && name.front() != '.' &&
      name.find_first_not_of(kAllowed) == std::string_view::npos) {
    return {};
  }
  return Error{
      ErrorCode::kInvalid,
      "a job's name is 1 to 100 letters, digits and .-_, and does not begin with a dot: '" + std::string(name) + "'"};
}

std::string job_key(std::string_view job) { return tagged(job, "job"); }
std::string plan_key(std::string_view job, AttemptId attempt, size_t page) {
  return tagged(job, "plan:" + attempt.text() + ":" + std::to_string(page));
}
std::string task_key(std::string_view job, TaskName task) { return tagged(job, "task:" + task.text()); }
std::string bad_records_key(std::string_view job) { return tagged(job, "bad"); }
std::string permit_key(std::string_view job, TaskName task) { return tagged(job, "permit:" + task.text()); }

}  // namespace torc::mapreduce
