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

/// A function as a mapper.
class PlainMapper final : public Mapper {
 public:
  explicit PlainMapper(const Map& map) : map_(map) {}
  void map(const Record& record, Emitter& out) override { map_(record, out); }

 private:
  const Map& map_;
};

std::unique_ptr<Mapper> mapper_of(AttemptContext& context, const Assignment& assignment) {
  if (!context.functions.names_records) context.steps.hide_records();
  if (context.functions.make_mapper) return context.functions.make_mapper({assignment, context.steps});
  return std::make_unique<PlainMapper>(context.functions.map);
}

/// Gives one record to the map; calls `bad` with the words of what it throws.
template <typename Bad>
void map_record(Mapper& mapper, const Record& record, MapCollector& out, Bad bad) {
  try {
    mapper.map(record, out);
  } catch (const AttemptFault&) {
    throw;  // no fault of the record's
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    bad(error.what());
  } catch (...) {
    bad("the map threw something that is no std::exception");
  }
}

void map_lines(AttemptContext& context, SplitFile& file, const Skips& skips, Mapper& mapper, MapCollector& out) {
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
    map_record(mapper, record, out, [&](const std::string& why) { skips.throw_bad(record.at, why); });
    context.steps.done(record.text.size() + 1);
    ++records;
  }
  out.count("records", records);
}

void map_keys(AttemptContext& context, const Assignment& assignment, const Split& split, Mapper& mapper,
              MapCollector& out) {
  if (!context.keys) throw_fault(Fault::Kind::kFatal, "this worker has no store to read keys from");
  const std::unique_ptr<KeySource> source = context.keys();
  std::string cursor = "0";
  uint64_t records = 0;
  do {
    throw_if_stopped(context.steps);
    const Result<KeyPage> page = source->page(split.begin, split.end - 1, split.name, cursor);
    if (!page) throw_fault(Fault::Kind::kFailed, page.error().message);
    for (const StoredKey& stored : page->keys) {
      if (stored.key.starts_with(kJobKeyPrefix) || stored.key == kJobsKey) continue;  // jobs are nobody's data
      const BadRecord name{std::string(kKeysInput) + stored.key, 0};
      if (std::find(assignment.bad_records.begin(), assignment.bad_records.end(), name) !=
          assignment.bad_records.end()) {
        out.count("records skipped", 1);
        continue;
      }
      context.steps.step();
      const Record record{stored.value, stored.key, kKeysInput, 0, stored.deadline_ms};
      map_record(mapper, record, out, [&](const std::string& why) {
        throw AttemptFault{
            Fault{.kind = Fault::Kind::kBadRecord, .message = "key " + stored.key + ": " + why, .record = name}};
      });
      context.steps.done(stored.key.size() + stored.value.size());
      ++records;
    }
    cursor = page->next;
  } while (cursor != "0");
  out.count("records", records);
}

}  // namespace

Output run_map(AttemptContext& context, const Assignment& assignment) {
  CHECK(assignment.plan && assignment.attempt.task.index < assignment.plan->splits.size());
  const Split& split = assignment.plan->splits[assignment.attempt.task.index];
  context.steps.in_record(split.begin);
  MapCollector out(context, assignment);
  if (split.kind == Split::Kind::kKeys) {
    const std::unique_ptr<Mapper> mapper = mapper_of(context, assignment);
    map_keys(context, assignment, split, *mapper, out);
    mapper->finish(out);
  } else {
    SplitFile file(context, assignment.record->spec, split);
    const Skips skips(assignment, split);
    if (context.functions.words != WordMap::kNone) {
      map_words(context, file, skips, out);
    } else {
      const std::unique_ptr<Mapper> mapper = mapper_of(context, assignment);
      map_lines(context, file, skips, *mapper, out);
      mapper->finish(out);
    }
    file.check_unchanged();
  }
  Output output = out.finish();
  output.input_bytes = split.input_bytes();
  return output;
}

}  // namespace torc::mapreduce
