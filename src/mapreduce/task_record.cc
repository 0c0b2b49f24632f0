#include "mapreduce/task_record.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace torc::mapreduce {
namespace {

constexpr size_t kFaultBytesMax = 2000;  // somebody's error message may be long; the record is written often

Error corrupt_task(std::string_view what) { return Error{ErrorCode::kCorrupt, "task record: " + std::string(what)}; }

Result<Runner> parse_runner(std::string_view text) {
  const std::vector<std::string_view> words = words_of(text);
  if (words.size() != 3) return corrupt_task("a runner has three words");
  const std::optional<AttemptId> attempt = AttemptId::parse(words[0]);
  const std::optional<uint64_t> beat = parse_number(words[1]);
  const std::optional<uint64_t> bytes_done = parse_number(words[2]);
  if (!attempt || !beat || !bytes_done) return corrupt_task("a runner is an attempt and two numbers");
  return Runner{*attempt, *beat, *bytes_done};
}

Status parse_output(const Fields& fields, Output& output) {
  const std::vector<std::string_view> words = words_of(fields.text("output"));
  if (words.size() != 4) return corrupt_task("an output has four words");
  const std::optional<uint64_t> bytes = parse_number(words[1]);
  const std::optional<uint64_t> crc = parse_hex(words[2], 8);
  const std::optional<uint64_t> index_at = parse_number(words[3]);
  if (!bytes || !crc || !index_at) return corrupt_task("an output is a file, bytes, a CRC and a place");
  if (words[0] != "-") output.file = words[0];
  output.bytes = *bytes;
  output.crc = static_cast<uint32_t>(*crc);
  output.index_at = *index_at;
  output.input_bytes = fields.number_or("input_bytes", 0);
  output.took_ms = fields.number_or("took_ms", 0);
  Result<Counters> counters = parse_counters(fields);
  if (!counters) return counters.error();
  output.counters = std::move(counters).value();
  return {};
}

void count_for(TaskRecord& record, uint32_t run) {
  if (record.run == run) return;
  record.run = run;
  record.failures = 0;
  record.lost = 0;
}

bool drop_runner(TaskRecord& record, AttemptId attempt) {
  return std::erase_if(record.runners, [&](const Runner& runner) { return runner.attempt == attempt; }) > 0;
}

}  // namespace

const Runner* TaskRecord::runner(AttemptId attempt) const {
  for (const Runner& each : runners) {
    if (each.attempt == attempt) return &each;
  }
  return nullptr;
}

std::string TaskRecord::encode() const {
  std::string out;
  put_field(out, "begun", begun);
  put_field(out, "run", run);
  if (failures > 0) put_field(out, "failures", failures);
  if (lost > 0) put_field(out, "lost", lost);
  if (!fault.empty()) put_field(out, "fault", fault);
  for (const Runner& runner : runners) {
    put_field(out, "runner",
              runner.attempt.text() + " " + std::to_string(runner.beat) + " " + std::to_string(runner.bytes_done));
  }
  if (!winner) return out;
  put_field(out, "winner", winner->text());
  put_field(out, "output",
            (output.file.empty() ? "-" : output.file) + " " + std::to_string(output.bytes) + " " +
                to_hex(output.crc, 8) + " " + std::to_string(output.index_at));
  put_field(out, "input_bytes", output.input_bytes);
  put_field(out, "took_ms", output.took_ms);
  put_counters(out, output.counters);
  return out;
}

Result<TaskRecord> TaskRecord::parse(std::string_view text) {
  const Result<Fields> fields = Fields::parse(text);
  if (!fields) return fields.error();
  TaskRecord record;
  const Result<uint64_t> begun = fields->number("begun");
  const Result<uint64_t> run = fields->number("run");
  const uint64_t failures = fields->number_or("failures", 0);
  const uint64_t lost = fields->number_or("lost", 0);
  if (!begun || !run || std::max({*begun, *run, failures, lost}) > UINT32_MAX) return corrupt_task("counts");
  record.begun = static_cast<uint32_t>(*begun);
  record.run = static_cast<uint32_t>(*run);
  record.failures = static_cast<uint32_t>(failures);
  record.lost = static_cast<uint32_t>(lost);
  record.fault = fields->text("fault");
  for (const std::string& line : fields->all("runner")) {
    const Result<Runner> runner = parse_runner(line);
    if (!runner) return runner.error();
    record.runners.push_back(*runner);
  }
  if (record.runners.size() > kRunnersMax) return corrupt_task("too many runners");
  if (fields->all("winner").empty()) return record;
  record.winner = AttemptId::parse(fields->text("winner"));
  if (!record.winner) return corrupt_task("the winner is no attempt");
  if (Status status = parse_output(*fields, record.output); !status) return status.error();
  return record;
}

AttemptId next_attempt(const TaskRecord& record, WorkerId worker) { return AttemptId{record.begun + 1, worker}; }

std::optional<TaskRecord> claimed(TaskRecord record, WorkerId worker, std::optional<AttemptId> replaced, uint32_t run) {
  CHECK(worker);
  if (record.is_done()) return std::nullopt;
  count_for(record, run);
  if (replaced) {
    if (!drop_runner(record, *replaced)) return std::nullopt;
    ++record.lost;
  }
  if (record.runners.size() >= kRunnersMax) return std::nullopt;
  const AttemptId attempt = next_attempt(record, worker);
  ++record.begun;
  record.runners.push_back(Runner{attempt, 0, 0});
  CHECK(record.runner(attempt) != nullptr);
  return record;
}

std::optional<TaskRecord> beaten(TaskRecord record, AttemptId attempt, uint64_t bytes_done) {
  if (record.is_done()) return std::nullopt;
  for (Runner& runner : record.runners) {
    if (runner.attempt != attempt) continue;
    ++runner.beat;
    runner.bytes_done = bytes_done;
    return record;
  }
  return std::nullopt;
}

std::optional<TaskRecord> completed(TaskRecord record, AttemptId attempt, Output output) {
  if (record.is_done() || record.runner(attempt) == nullptr) return std::nullopt;
  record.runners.clear();
  record.fault.clear();
  record.winner = attempt;
  record.output = std::move(output);
  return record;
}

std::optional<TaskRecord> failed(TaskRecord record, AttemptId attempt, std::string fault, uint32_t run) {
  if (record.is_done() || !drop_runner(record, attempt)) return std::nullopt;
  count_for(record, run);
  ++record.failures;
  fault.resize(std::min(fault.size(), kFaultBytesMax));
  record.fault = std::move(fault);
  return record;
}

std::optional<TaskRecord> released(TaskRecord record, AttemptId attempt) {
  if (record.is_done() || !drop_runner(record, attempt)) return std::nullopt;
  return record;
}

std::optional<TaskRecord> orphaned(TaskRecord record, AttemptId attempt, uint32_t run) {
  if (record.is_done() || !drop_runner(record, attempt)) return std::nullopt;
  count_for(record, run);
  ++record.lost;
  return record;
}

std::optional<TaskRecord> taken_back(TaskRecord record, AttemptId winner) {
  if (record.winner != winner) return std::nullopt;
  record.winner.reset();
  record.output = Output{};
  record.runners.clear();
  ++record.lost;
  return record;
}

}  // namespace torc::mapreduce
