#include "mapreduce/map_collector.h"

#include <stdexcept>
#include <utility>

#include "base/check.h"

namespace torc::mapreduce {
namespace {

AttemptFile file_of(AttemptContext& context, const Assignment& assignment) {
  Result<AttemptFile> file = AttemptFile::create(context.files, *assignment.record, assignment.attempt);
  if (!file) throw_fault(Fault::Kind::kFailed, file.error().message);
  return std::move(file).value();
}

/// What a combining function makes of the values of one key goes into the run, under the same key.
class CombineEmitter final : public Emitter {
 public:
  CombineEmitter(MapFileWriter& file, Counters& counters) : file_(file), counters_(counters) {}
  void group(uint32_t partition, std::string_view key) {
    partition_ = partition;
    key_ = key;
  }
  void emit_bytes(std::string_view key, std::string_view value) override {
    if (key != key_) throw std::logic_error("the combine of '" + std::string(key_) + "' emits another key");
    file_.add(partition_, key, value);
  }
  void count(std::string_view counter, uint64_t by) override { counters_[std::string(counter)] += by; }

 private:
  MapFileWriter& file_;
  Counters& counters_;
  uint32_t partition_ = 0;
  std::string_view key_;
};

class ListedValues final : public Values {
 public:
  explicit ListedValues(const std::vector<std::string_view>& values) : values_(values) {}
  std::optional<std::string_view> next_bytes() override {
    if (next_ == values_.size()) return std::nullopt;
    return values_[next_++];
  }

 private:
  const std::vector<std::string_view>& values_;
  size_t next_ = 0;
};

}  // namespace

MapCollector::MapCollector(AttemptContext& context, const Assignment& assignment)
    : context_(context),
      partitioner_(context.functions.partition, assignment.plan->borders, assignment.record->spec.reduces),
      file_(file_of(context, assignment)) {
  if (context.functions.words == WordMap::kInput) {
    word_value_ = assignment.plan->splits[assignment.attempt.task.index].name;
  }
  if (context.functions.words != WordMap::kNone || std::holds_alternative<SumCombine>(context.functions.combine)) {
    table_ = &context.memory.table();
  } else {
    sort_buffer_ = &context.memory.sort_buffer(partitioner_.count());
  }
}

void MapCollector::emit_bytes(std::string_view key, std::string_view value) {
  if (key.size() + value.size() > kPairBytesMax) throw std::length_error("a pair of more than 64 MiB");
  if (table_ != nullptr) {
    const int64_t number = Codec<int64_t>::decode(value);
    if (!table_->fits(key.size())) spill();
    return table_->add(key, number);
  }
  const uint32_t partition = partitioner_.of(key);
  if (!sort_buffer_->fits(key, value)) {
    if (!sort_buffer_->is_empty()) spill();
    // A pair larger than the memory is a run of its own.
    if (!sort_buffer_->fits(key, value)) {
      file_.add(partition, key, value);
      file_.end_run();
      return;
    }
  }
  sort_buffer_->add(partition, key, value);
}

void MapCollector::count(std::string_view counter, uint64_t by) { counters_[std::string(counter)] += by; }

void MapCollector::spill() {
  throw_if_stopped(context_.steps);
  if (table_ != nullptr) {
    spill_table();
  } else if (const Reduce* combine = std::get_if<Reduce>(&context_.functions.combine)) {
    spill_combined(*combine);
  } else {
    spill_buffer();
  }
  file_.end_run();
  throw_unless(file_.status());
  context_.steps.step();
}

void MapCollector::spill_table() {
  table_->drain(partitioner_, [&](uint32_t partition, std::string_view key, int64_t sum) {
    char room[32];
    file_.add(partition, key, word_value_.empty() ? Codec<int64_t>::encode(sum, room) : word_value_);
  });
}

void MapCollector::spill_buffer() {
  sort_buffer_->drain(
      [&](uint32_t partition, std::string_view key, std::string_view value) { file_.add(partition, key, value); });
}

void MapCollector::spill_combined(const Reduce& combine) {
  CombineEmitter emitter(file_, counters_);
  std::vector<std::string_view> values;  // they stay where they are until the buffer is empty
  std::string_view group_key;
  uint32_t group_partition = 0;
  const auto end_group = [&] {
    if (values.empty()) return;
    emitter.group(group_partition, group_key);
    ListedValues listed(values);
    combine(group_key, listed, emitter);
    values.clear();
    context_.steps.step();
  };
  sort_buffer_->drain([&](uint32_t partition, std::string_view key, std::string_view value) {
    if (partition != group_partition || key != group_key) {
      end_group();
      group_partition = partition;
      group_key = key;
    }
    values.push_back(value);
  });
  end_group();
}

Output MapCollector::finish() {
  if (table_ != nullptr ? !table_->is_empty() : !sort_buffer_->is_empty()) spill();
  counters_["sorted runs"] += file_.runs();
  Result<Output> output = file_.finish();
  if (!output) throw_fault(Fault::Kind::kFailed, output.error().message);
  output->counters = std::move(counters_);
  return std::move(output).value();
}

}  // namespace torc::mapreduce
