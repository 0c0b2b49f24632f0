// Runs the reduce of one partition.
#include <memory>
#include <string>
#include <utility>

#include "base/check.h"
#include "mapreduce/attempt_context.h"
#include "mapreduce/attempt_file.h"
#include "mapreduce/section_list.h"

namespace torc::mapreduce {
namespace {

constexpr uint64_t kLookEvery = 1024;  // pairs, between two looks at whether to stop

/// The values of the key under way. Whatever the reduce leaves is passed over by end().
class MergedValues final : public Values {
 public:
  MergedValues(Merge& merge, Steps& steps) : merge_(merge), steps_(steps) { is_more_ = merge_.next(); }

  /// Begins the next key; false if there is none.
  bool begin() {
    if (!is_more_) return false;
    key_ = merge_.key();
    prefix_ = merge_.prefix();
    is_first_ = true;
    is_in_group_ = true;
    return true;
  }
  std::string_view key() const { return key_; }
  std::optional<std::string_view> next_bytes() override {
    if (!is_in_group_) return std::nullopt;
    if (!is_first_) advance();
    is_first_ = false;
    if (!is_in_group_) return std::nullopt;
    return merge_.value();
  }
  void end() {
    if (is_first_) {
      is_first_ = false;
      advance();
    }
    while (is_in_group_) advance();
  }

 private:
  void advance() {
    steps_.done(kPairHeadBytesMin + merge_.key().size() + merge_.value().size());
    if (++pairs_ % kLookEvery == 0) {
      throw_if_stopped(steps_);
      steps_.step();
    }
    is_more_ = merge_.next();
    is_in_group_ = is_more_ && merge_.prefix() == prefix_ && merge_.key() == key_;
  }

  static constexpr size_t kPairHeadBytesMin = 2;

  Merge& merge_;
  Steps& steps_;
  std::string key_;  // a copy: the merge's own goes with its pair
  uint64_t prefix_ = 0;
  uint64_t pairs_ = 0;
  bool is_more_ = false;
  bool is_first_ = false;
  bool is_in_group_ = false;
};

class OutputEmitter final : public Emitter {
 public:
  OutputEmitter(AttemptFile& file, OutputForm form, Counters& counters)
      : file_(file), form_(form), counters_(counters) {}
  void emit_bytes(std::string_view key, std::string_view value) override {
    switch (form_) {
      case OutputForm::kColon:
        file_.append(key);
        file_.append(": ");
        file_.append(value);
        break;
      case OutputForm::kTab:
        file_.append(key);
        file_.append("\t");
        file_.append(value);
        break;
      case OutputForm::kKey:
        file_.append(key);
        break;
      case OutputForm::kValue:
        file_.append(value);
        break;
    }
    file_.append("\n");
    ++lines_;
  }
  void count(std::string_view counter, uint64_t by) override { counters_[std::string(counter)] += by; }
  uint64_t lines() const { return lines_; }

 private:
  AttemptFile& file_;
  OutputForm form_;
  Counters& counters_;
  uint64_t lines_ = 0;
};

/// A function as a reducer.
class PlainReducer final : public Reducer {
 public:
  explicit PlainReducer(const Reduce& reduce) : reduce_(reduce) {}
  void reduce(std::string_view key, Values& values, Emitter& out) override { reduce_(key, values, out); }

 private:
  const Reduce& reduce_;
};

std::string shown(std::string_view key) {
  constexpr size_t kShown = 100;
  return "'" + std::string(key.substr(0, kShown)) + (key.size() > kShown ? "...'" : "'");
}

}  // namespace

Output run_reduce(AttemptContext& context, const Assignment& assignment) {
  CHECK(assignment.map_outputs);
  context.memory.give_back();  // the buffers of the merge take its place
  SectionList sections(context, assignment);
  Result<AttemptFile> file = AttemptFile::create(context.files, *assignment.record, assignment.attempt);
  if (!file) throw_fault(Fault::Kind::kFailed, file.error().message);
  Counters counters;
  OutputEmitter out(*file, context.functions.form, counters);
  MergedValues values(sections.merged(), context.steps);
  std::unique_ptr<Reducer> reducer = context.functions.make_reducer
                                         ? context.functions.make_reducer({assignment, context.steps})
                                         : std::make_unique<PlainReducer>(context.functions.reduce);
  uint64_t keys = 0;
  for (; values.begin(); values.end()) {
    try {
      reducer->reduce(values.key(), values, out);
    } catch (const AttemptFault&) {
      throw;
    } catch (const std::exception& error) {
      throw_fault(Fault::Kind::kFailed,
                  assignment.attempt.task.title() + ", key " + shown(values.key()) + ": " + error.what());
    }
    ++keys;
    throw_unless(file->status());
  }
  sections.throw_if_failed();
  reducer->finish(out);
  counters["keys"] += keys;
  counters["lines written"] += out.lines();
  Result<Output> output = file->finish();
  if (!output) throw_fault(Fault::Kind::kFailed, output.error().message);
  output->input_bytes = sections.bytes();
  output->counters = std::move(counters);
  return std::move(output).value();
}

}  // namespace torc::mapreduce
