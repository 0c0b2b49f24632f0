#include "mapreduce/section_list.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace torc::mapreduce {
namespace {

constexpr size_t kBufferBytesMin = 2 * kSectionBlockBytes;
constexpr size_t kBufferBytesMax = 1u << 20;
constexpr size_t kOpenMax = 400;  // files; several attempts share what a process may open

}  // namespace

SectionList::SectionList(AttemptContext& context, const Assignment& assignment)
    : context_(context), assignment_(assignment), scratch_(assignment.record->scratch()) {
  const std::vector<MapOutput>& maps = *assignment.map_outputs;
  for (uint32_t map = 0; map < maps.size(); ++map) {
    throw_if_stopped(context.steps);
    context.steps.step();
    const std::string path = scratch_ + "/" + maps[map].output.file;
    const Result<std::unique_ptr<ReadableFile>> file = context.files.open(path);
    if (!file && file.error().code == ErrorCode::kNotFound) throw_lost(map, file.error().message);
    if (!file) throw_fault(Fault::Kind::kFailed, file.error().message);
    const Result<std::vector<Section>> sections = sections_of(**file, maps[map].output, assignment.attempt.task.index);
    if (!sections && sections.error().code == ErrorCode::kCorrupt) throw_lost(map, sections.error().message);
    if (!sections) throw_fault(Fault::Kind::kFailed, sections.error().message);
    for (const Section& section : *sections) {
      bytes_ += section.bytes;
      sources_.push_back(Source{path, nullptr, section, map});
    }
  }
}

void SectionList::throw_lost(uint32_t map, const std::string& why) const {
  throw AttemptFault{Fault{
      .kind = Fault::Kind::kLostInput, .message = why, .map = map, .winner = (*assignment_.map_outputs)[map].winner}};
}

void SectionList::throw_if_failed(const Merge& merge, size_t begin) const {
  if (merge.status().ok()) return;
  const Source& source = sources_[begin + merge.failed_section()];
  if (!source.file && merge.status().error().code == ErrorCode::kCorrupt) {
    throw_lost(source.map, merge.status().error().message);
  }
  throw_fault(Fault::Kind::kFailed, merge.status().error().message);
}

void SectionList::throw_if_failed() const { throw_if_failed(*merge_, 0); }

size_t SectionList::sources_max() const {
  return std::clamp<size_t>(context_.memory.bytes() / kBufferBytesMin, 2, kOpenMax);
}

std::vector<std::unique_ptr<SectionReader>> SectionList::open(size_t begin, size_t end) {
  const size_t buffer_bytes =
      std::clamp(context_.memory.bytes() / std::max<size_t>(1, end - begin), kBufferBytesMin, kBufferBytesMax);
  std::vector<std::unique_ptr<SectionReader>> readers;
  std::shared_ptr<ReadableFile> file;
  for (size_t i = begin; i < end; ++i) {
    const Source& source = sources_[i];
    if (source.file) {
      file = source.file;
    } else if (i == begin || source.path != sources_[i - 1].path) {
      Result<std::unique_ptr<ReadableFile>> opened = context_.files.open(source.path);
      if (!opened && opened.error().code == ErrorCode::kNotFound) throw_lost(source.map, opened.error().message);
      if (!opened) throw_fault(Fault::Kind::kFailed, opened.error().message);
      file = std::move(opened).value();
    }
    readers.push_back(std::make_unique<SectionReader>(file, source.section, buffer_bytes));
  }
  return readers;
}

/// The merged section has a file of its own, which loses its name before anything is written: what ends this process
/// takes it along.
SectionList::Source SectionList::merge_into_one(size_t begin, size_t end) {
  const std::string path =
      scratch_ + "/" + assignment_.attempt.file_name() + ".merged-" + std::to_string(merged_files_++);
  Result<std::unique_ptr<WritableFile>> to = context_.files.create(path);
  if (!to) throw_fault(Fault::Kind::kFailed, to.error().message);
  Result<std::unique_ptr<ReadableFile>> from = context_.files.open(path);
  (void)context_.files.remove(path);
  if (!from) throw_fault(Fault::Kind::kFailed, from.error().message);

  SectionWriter section;
  const auto end_block = [&] {
    section.take_block([&](std::string_view block) { throw_unless((*to)->append(block)); });
    throw_if_stopped(context_.steps);
    context_.steps.step();
  };
  Merge merge(open(begin, end));
  while (merge.next()) {
    if (section.add(merge.key(), merge.value())) end_block();
  }
  end_block();
  throw_if_failed(merge, begin);
  return Source{{}, std::move(from).value(), Section{0, 0, 0, section.bytes()}, 0};
}

Merge& SectionList::merged() {
  CHECK(merge_ == nullptr);
  const size_t count_max = sources_max();
  while (sources_.size() > count_max) {
    // As few pairs as possible are merged twice: only as many sections as must go, but neighbours, to keep their order.
    std::vector<Source> merged;
    const size_t surplus = sources_.size() - count_max;
    for (size_t begin = 0; begin < sources_.size();) {
      const size_t gone = merged.size();  // each merge of n makes n - 1 fewer
      const size_t saved = begin - gone;
      const size_t size = saved >= surplus ? 1 : std::min({count_max, surplus - saved + 1, sources_.size() - begin});
      merged.push_back(size == 1 ? sources_[begin] : merge_into_one(begin, begin + size));
      begin += size;
    }
    sources_ = std::move(merged);
  }
  merge_ = std::make_unique<Merge>(open(0, sources_.size()));
  return *merge_;
}

}  // namespace torc::mapreduce
