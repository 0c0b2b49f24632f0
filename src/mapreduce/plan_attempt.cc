// Finds the inputs of a job and cuts them into splits.
#include <algorithm>
#include <utility>

#include "base/prng.h"
#include "mapreduce/attempt_context.h"
#include "mapreduce/line_reader.h"
#include "mapreduce/split_file.h"

namespace torc::mapreduce {
namespace {

constexpr uint64_t kSplitBytesMin = 1u << 20;  // smaller ones cost more in tasks than they gain in balance
constexpr size_t kSamplesPerPartition = 300;
constexpr size_t kSampleBytes = 4096;  // read for one of them, if its line is not longer
constexpr uint64_t kSlots = 16384;

std::vector<InputFile> files_of(AttemptContext& context, const JobRecord& job) {
  std::vector<InputFile> found;
  for (const std::string& input : job.spec.inputs) {
    if (input.starts_with(kKeysInput)) continue;
    const std::string path = job.spec.path_of(input);
    Result<std::vector<InputFile>> files = context.files.expand(path);
    if (!files) throw_fault(Fault::Kind::kFatal, files.error().message);
    for (InputFile& file : *files) {
      // Files go by the names that the submitter gave them: those stand in outputs.
      if (path.size() > input.size()) file.path.erase(0, path.size() - input.size());
      found.push_back(std::move(file));
    }
  }
  return found;
}

/// How many bytes a split should have, so that there are as many splits as asked for.
uint64_t split_bytes_of(const JobSpec& spec, uint64_t bytes) {
  uint64_t count = std::max<uint64_t>(1, (bytes + spec.split_bytes - 1) / spec.split_bytes);
  count = (count + spec.splits_multiple - 1) / spec.splits_multiple * spec.splits_multiple;
  const uint64_t split_bytes = std::max<uint64_t>(1, (bytes + count - 1) / count);
  return std::max(split_bytes, std::min(spec.split_bytes, kSplitBytesMin));
}

void split_file(const InputFile& file, uint64_t split_bytes, std::vector<Split>& splits) {
  const uint64_t bytes = file.state.bytes;
  if (bytes == 0) return;
  const uint64_t count = (bytes + split_bytes - 1) / split_bytes;
  if (splits.size() + count > kSplitsMax) {
    throw_fault(Fault::Kind::kFatal,
                "more than " + std::to_string(kSplitsMax) + " splits: choose a larger --split-size");
  }
  for (uint64_t i = 0; i < count; ++i) {
    splits.push_back(Split{Split::Kind::kFile, file.path, bytes / count * i + std::min(i, bytes % count),
                           bytes / count * (i + 1) + std::min(i + 1, bytes % count), file.state});
  }
}

void split_keys(const std::string& prefix, uint32_t count, std::vector<Split>& splits) {
  const uint64_t pieces = std::clamp<uint64_t>(count, 1, kSlots);
  for (uint64_t i = 0; i < pieces; ++i) {
    splits.push_back(Split{Split::Kind::kKeys, prefix, kSlots * i / pieces, kSlots * (i + 1) / pieces, FileState{}});
  }
}

class SampleEmitter final : public Emitter {
 public:
  explicit SampleEmitter(std::vector<std::string>& keys) : keys_(keys) {}
  void emit_bytes(std::string_view key, std::string_view) override { keys_.emplace_back(key); }
  void count(std::string_view, uint64_t) override {}

 private:
  std::vector<std::string>& keys_;
};

/// Keys of records from all over the inputs; the same ones whoever plans.
std::vector<std::string> sample_keys(AttemptContext& context, const JobSpec& spec, const std::vector<Split>& splits,
                                     size_t count) {
  std::vector<std::string> keys;
  SampleEmitter out(keys);
  Prng prng(1);
  uint64_t bytes = 0;
  for (const Split& split : splits) bytes += split.input_bytes();
  for (const Split& split : splits) {
    const uint64_t share = bytes == 0 ? 0 : (split.input_bytes() * count + bytes - 1) / bytes;
    for (uint64_t i = 0; i < share; ++i) {
      context.steps.step();
      Split here = split;
      here.begin = split.begin + prng.below(split.input_bytes());
      SplitFile file(context, spec, here);
      LineReader reader(file, kSampleBytes);
      Record record{.input = split.name};
      try {
        if (!reader.next(record.text)) continue;
        record.at = reader.at();
        context.functions.map(record, out);
      } catch (const BadRecordError&) {
        continue;  // the map of the split will say so
      } catch (const std::exception&) {
        continue;
      }
    }
  }
  return keys;
}

std::vector<std::string> borders_of(AttemptContext& context, const JobSpec& spec, const std::vector<Split>& splits) {
  std::vector<std::string> keys = sample_keys(context, spec, splits, kSamplesPerPartition * spec.reduces);
  std::sort(keys.begin(), keys.end());
  std::vector<std::string> borders;
  for (size_t i = 1; i < spec.reduces && !keys.empty(); ++i) borders.push_back(keys[keys.size() * i / spec.reduces]);
  return borders;
}

}  // namespace

Plan make_plan(AttemptContext& context, const JobRecord& job) {
  const JobSpec& spec = job.spec;
  const std::vector<InputFile> files = files_of(context, job);
  uint64_t bytes = 0;
  for (const InputFile& file : files) bytes += file.state.bytes;
  Plan plan;
  const uint64_t split_bytes = split_bytes_of(spec, bytes);
  for (const InputFile& file : files) split_file(file, split_bytes, plan.splits);
  for (const std::string& input : spec.inputs) {
    if (input.starts_with(kKeysInput)) {
      split_keys(input.substr(kKeysInput.size()), std::max(4u, spec.splits_multiple), plan.splits);
    }
  }
  if (context.functions.sorts_all && context.functions.map && spec.reduces > 1)
    plan.borders = borders_of(context, spec, plan.splits);
  return plan;
}

}  // namespace torc::mapreduce
