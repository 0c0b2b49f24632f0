// Runs the map of one split.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "mapreduce/attempt_context.h"
#include "mapreduce/line_reader.h"
#include "mapreduce/map_collector.h"
#include "mapreduce/split_file.h"
#include "mapreduce/word_reader.h"

namespace torc::mapreduce {
namespace {

/// The records of this split that are known to be bad.
class Skips {
 public:
  Skips(const Assignment& assignment, const Split& split) : input_(split.name) {
    for (const BadRecord& record : assignment.bad_records) {
      if (record.input == split.name) at_.push_back(record.at);
    }
    std::sort(at_.begin(), at_.end());
  }
  bool contains(uint64_t at) const { return !at_.empty() && std::binary_search(at_.begin(), at_.end(), at); }
  /// Ends the attempt because of a record that is not known yet.
  [[noreturn]] void throw_bad(uint64_t at, const std::string& why) const {
    throw AttemptFault{Fault{.kind = Fault::Kind::kBadRecord,
                             .message = input_ + ", byte " + std::to_string(at) + ": " + why,
                             .record = BadRecord{input_, at}}};
  }

 private:
  const std::string& input_;
  std::vector<uint64_t> at_;
};

void map_words(AttemptContext& context, SplitFile& file, const Skips& skips, MapCollector& out) {
  WordReader reader(file);
  uint64_t done = file.split().begin;
  for (bool is_more = true; is_more;) {
    try {
      is_more = reader.next([&](const char* word, size_t bytes) { out.add_word(word, bytes); });
    } catch (const BadRecordError& bad) {
      if (!skips.contains(bad.at)) skips.throw_bad(bad.at, bad.message);
      out.count("records skipped", 1);
      continue;
    }
    context.steps.in_record(reader.at());
    context.steps.done(reader.at() > done ? reader.at() - done : 0);
    done = std::max(done, reader.at());
  }
  out.count("words", out.words());
}

/// Gives one record to the map; what it throws names the record.
void map_record(AttemptContext& context, const Record& record, const Skips& skips, MapCollector& out) {
  try {
    context.functions.map(record, out);
  } catch (const AttemptFault&) {
    throw;  // no fault of the record's
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    skips.throw_bad(record.at, error.what());
  } catch (...) {
    skips.throw_bad(record.at, "the map threw something that is no std::exception");
  }
}

void map_lines(AttemptContext& context, SplitFile& file, const Skips& skips, MapCollector& out) {
  LineReader reader(file);
  Record record{.input = file.split().name};
  uint64_t records = 0;
  for (;;) {
    bool is_more = false;
    try {
      is_more = reader.next(record.text);
    } catch (const BadRecordError& bad) {
      if (!skips.contains(bad.at)) skips.throw_bad(bad.at, bad.message);
      out.count("records skipped", 1);
      continue;
    }
    if (!is_more) break;
    record.at = reader.at();
    if (skips.contains(record.at)) {
      out.count("records skipped", 1);
      continue;
    }
    context.steps.in_record(record.at);
    map_record(context, record, skips, out);
    context.steps.done(record.text.size() + 1);
    ++records;
  }
  out.count("records", records);
}

}  // namespace

Output run_map(AttemptContext& context, const Assignment& assignment) {
  CHECK(assignment.plan && assignment.attempt.task.index < assignment.plan->splits.size());
  const Split& split = assignment.plan->splits[assignment.attempt.task.index];
  context.steps.in_record(split.begin);
  SplitFile file(context, assignment.record->spec, split);
  const Skips skips(assignment, split);
  MapCollector out(context, assignment);
  if (context.functions.words != WordMap::kNone) {
    map_words(context, file, skips, out);
  } else {
    map_lines(context, file, skips, out);
  }
  file.check_unchanged();
  Output output = out.finish();
  output.input_bytes = split.input_bytes();
  return output;
}

}  // namespace torc::mapreduce
