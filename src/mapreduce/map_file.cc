#include "mapreduce/map_file.h"

#include "base/check.h"
#include "base/codec.h"
#include "base/crc32c.h"

namespace torc::mapreduce {

void MapFileWriter::turn_page(uint32_t partition) {
  CHECK(partition > partition_) << "runs are sorted by partition: " << partition << " after " << partition_;
  end_section();
  partition_ = partition;
}

void MapFileWriter::end_block() {
  section_.take_block([&](std::string_view block) { file_.append(block); });
}

void MapFileWriter::end_section() {
  end_block();
  if (section_.bytes() > 0) {
    sections_.push_back(Section{run_, partition_, file_.bytes() - section_.bytes(), section_.bytes()});
  }
  section_.begin();
}

void MapFileWriter::end_run() {
  end_section();
  partition_ = 0;
  ++run_;
}

Result<Output> MapFileWriter::finish() {
  CHECK(partition_ == 0) << "a run has not ended";
  std::string index;
  put_varint(index, sections_.size());
  for (const Section& section : sections_) {
    put_varint(index, section.run);
    put_varint(index, section.partition);
    put_u64(index, section.begin);
    put_u64(index, section.bytes);
  }
  const uint64_t index_at = file_.bytes();
  file_.append(index);
  Result<Output> output = file_.finish();
  if (!output) return output;
  output->index_at = index_at;
  output->crc = crc32c(index);
  return output;
}

Result<std::vector<Section>> sections_of(ReadableFile& file, const Output& output, uint32_t partition) {
  const Error corrupt{ErrorCode::kCorrupt, output.file + " is not what its record says"};
  const Result<FileState> state = file.state();
  if (!state) return state.error();
  if (state->bytes != output.bytes || output.index_at > output.bytes) return corrupt;
  std::string index(output.bytes - output.index_at, '\0');
  const Result<size_t> count = file.read_at(output.index_at, index.data(), index.size());
  if (!count) return count.error();
  if (*count != index.size() || crc32c(index) != output.crc) return corrupt;
  Reader reader(index);
  std::vector<Section> sections;
  for (uint64_t left = reader.varint(); left > 0 && reader.ok(); --left) {
    Section section;
    section.run = static_cast<uint32_t>(reader.varint());
    section.partition = static_cast<uint32_t>(reader.varint());
    section.begin = reader.u64();
    section.bytes = reader.u64();
    if (section.bytes > output.index_at || section.begin > output.index_at - section.bytes) return corrupt;
    if (section.partition == partition) sections.push_back(section);
  }
  if (!reader.at_end()) return corrupt;
  return sections;
}

}  // namespace torc::mapreduce
