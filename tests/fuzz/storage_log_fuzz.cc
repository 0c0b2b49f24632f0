// Any bytes in the segment files, also records whose checksums fit but whose contents make no sense, then damage on
// top: recovery refuses or recovers, never crashes, and recovering twice finds the same.
//
// Input, by the codec: u8 segments - 1, then per segment u8 records, each
//   u8 kind, u8 group, u8 synced_through in units of 64 bytes, u8 shape, payload as length-prefixed bytes
// and the rest is damage: (u16 offset, u8 flipped bits) in the file of all segments.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/codec.h"
#include "base/crc32c.h"
#include "base/result.h"
#include "env/clock.h"
#include "sim/disk.h"
#include "storage/log.h"
#include "storage/log_recovery.h"
#include "storage/record_format.h"
#include "storage/segment_header.h"

namespace torc::storage {
namespace {

constexpr uint64_t kSegmentBytes = 16 << 10;
constexpr uint64_t kSalt = 5;
constexpr size_t kRecordsMax = 32;

class StandingClock : public env::Clock {
 public:
  Instant now() const override { return Instant{1}; }
  WallMs wall_now() const override { return WallMs{1}; }
  env::TimerId call_at(Instant, std::function<void()>) override { return 1; }
  void cancel(env::TimerId) override {}
};

/// A payload that mostly looks like one of its kind, so that replay sees more than checksum errors.
std::string shaped_payload(RecordKind kind, uint8_t shape, std::string_view raw) {
  Reader reader(raw);
  const Term term(reader.u8() % 8);
  const LogIndex index(reader.u8() % 32);
  if (shape % 4 != 0 && (kind == RecordKind::kEntry || kind == RecordKind::kCopy)) {
    const auto entry_kind = static_cast<consensus::EntryKind>(shape % 3);
    std::string body(consensus::kEntryHeaderBytes, '\0');
    body += reader.rest();
    return std::string(consensus::make_entry(term, index, entry_kind, std::move(body)).encoded.view());
  }
  if (shape % 4 != 0 && (kind == RecordKind::kCut || kind == RecordKind::kReset)) return encode_point(index, term);
  if (shape % 4 != 0 && kind == RecordKind::kHardState) {
    return encode_hard_state({term, consensus::ReplicaId{NodeId(1 + shape % 3), ReplicaNumber(7)}});
  }
  if (shape % 4 != 0 && kind == RecordKind::kReplica) return encode_replica(ReplicaNumber(index.value));
  if (shape % 4 != 0 && kind == RecordKind::kTrim) return encode_trim(index.value);
  return std::string(raw.substr(0, 1024));
}

std::string segment_image(Reader& input, uint64_t sequence, LogPosition& base) {
  SegmentHeader header;
  header.sequence = sequence;
  header.base = base;
  // The first segment is put in place in one durable step; a later one may have been begun and not synced.
  header.synced_through = sequence == 1 ? base + kSegmentHeaderBytes : base;
  header.first_sequence_needed = 1;
  header.salt = kSalt;
  header.previous_sequence = sequence - 1;
  std::string image = encode_segment_header(header);
  const RecordSeal seal(sequence, kSalt);
  const size_t records = input.u8() % (kRecordsMax + 1);
  for (size_t i = 0; i < records && input.ok(); ++i) {
    RecordHeader record;
    record.kind = static_cast<RecordKind>(1 + input.u8() % 11);  // one past the last kind too
    record.group = GroupId(input.u8() % 4);
    record.synced_through = base + uint64_t{input.u8()} * 64;
    const uint8_t shape = input.u8();
    const std::string payload = shaped_payload(record.kind, shape, input.bytes());
    record.payload_bytes = static_cast<uint32_t>(payload.size());
    record.payload_crc = crc32c(payload);
    seal.put_header(image, record);
    image += payload;
    image.resize((image.size() + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment);
  }
  base = base + image.size();
  image.resize(std::max<size_t>(image.size(), kSegmentBytes));
  return image;
}

void fill_disk(sim::Disk& disk, Reader& input) {
  std::vector<std::string> images;
  LogPosition base(0);
  const uint64_t segments = input.u8() % 3 + 1;
  for (uint64_t sequence = 1; sequence <= segments; ++sequence) images.push_back(segment_image(input, sequence, base));
  while (input.ok() && input.rest().size() >= 3) {
    const uint16_t at = input.u16();
    std::string& image = images[at % images.size()];
    image[at % image.size()] = static_cast<char>(image[at % image.size()] ^ input.u8());
  }
  for (size_t i = 0; i < images.size(); ++i) {
    CHECK(disk.replace(segment_file_name(i + 1), images[i]).ok());
  }
}

struct Seen {
  std::map<uint64_t, std::vector<std::string>> entries;
  bool operator==(const Seen&) const = default;
};

/// Opens and reads everything.
/// Errors: why the log was refused.
Result<Seen> recover(sim::Disk& disk) {
  StandingClock clock;
  LogOptions options;
  options.segment_bytes = kSegmentBytes;
  auto log = Log::open(disk, clock, options);
  if (!log.ok()) return log.error();
  Seen seen;
  for (const auto& [group, state] : log.value()->recovered()) {
    std::vector<std::string>& found = seen.entries[group.value];
    for (LogIndex index = state.start_index + 1; index <= state.last_index; ++index) {
      const auto entries = log.value()->read(group, index, index, 1);
      if (!entries.ok()) {  // a record whose checksum fits around an entry whose own does not: refused when read
        found.push_back("refused");
        continue;
      }
      for (const consensus::Entry& entry : entries.value()) found.emplace_back(entry.encoded.view());
    }
  }
  return seen;
}

}  // namespace
}  // namespace torc::storage

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  torc::Reader input(std::string_view(reinterpret_cast<const char*>(data), size));
  torc::sim::Disk disk;
  torc::storage::fill_disk(disk, input);
  const auto first = torc::storage::recover(disk);
  if (!first.ok()) return 0;
  const auto second = torc::storage::recover(disk);
  CHECK(second.ok()) << "recovered once, refused the second time: " << second.error().message;
  CHECK(first.value() == second.value()) << "recovered something else the second time";
  return 0;
}
