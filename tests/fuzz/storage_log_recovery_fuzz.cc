// Arbitrary bytes as the segment files of a log: open() refuses or accepts, and never crashes, hangs or allocates by a
// size it was told. The input is cut into files; since no mutation finds a checksum, records of an input that asks for
// it are resealed, so that what stands behind the checksums is reached too.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/codec.h"
#include "base/crc32c.h"
#include "sim/log_harness.h"
#include "storage/log_recovery.h"
#include "storage/segment_header.h"

namespace {

using torc::GroupId;
using torc::Reader;
using namespace torc::storage;  // NOLINT: the format under test

constexpr uint64_t kSalt = 12345;

/// A segment whose header and records have good checksums and whatever content the input says.
std::string sealed_segment(Reader& input) {
  SegmentHeader header;
  header.sequence = input.u8();
  header.base = LogPosition(input.u16() * 8u);
  header.synced_through = header.base + input.u8() * 8u;
  header.first_sequence_needed = input.u8();
  header.previous_sequence = input.u8();
  header.salt = kSalt;
  std::string contents = encode_segment_header(header);
  const RecordSeal seal(header.sequence, kSalt);
  for (int count = input.u8() % 32; count > 0; --count) {
    RecordHeader record;
    record.kind = static_cast<RecordKind>(input.u8() % 11);
    record.group = GroupId(input.u8() % 3);
    const std::string_view payload = input.take(std::min<size_t>(input.u8(), input.rest().size()));
    record.payload_bytes = static_cast<uint32_t>(payload.size());
    record.payload_crc = torc::crc32c(payload);
    record.synced_through = LogPosition(input.u16() * 8u);
    seal.put_header(contents, record);
    contents += payload;
    contents.resize((contents.size() + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment);
  }
  return contents;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Reader input(std::string_view(reinterpret_cast<const char*>(data), size));
  LogHarness harness(8 << 10);
  for (uint64_t number = 1; number <= 4 && !input.rest().empty(); ++number) {
    const bool is_sealed = input.u8() % 2 == 1;
    const std::string contents =
        is_sealed ? sealed_segment(input) : std::string(input.take(std::min<size_t>(input.u16(), input.rest().size())));
    const torc::Status written = harness.disk.replace(segment_file_name(number), contents);
    if (!written.ok()) return 0;
  }
  if (!harness.open().ok()) return 0;
  // What was accepted once is accepted again, and says the same.
  const auto first = harness.log->recovered();
  for (const auto& [group, log] : first) {
    if (log.last_index > log.start_index) (void)harness.log->read(group, log.start_index + 1, log.last_index, 1 << 20);
  }
  CHECK(harness.open().ok());
  CHECK(harness.log->recovered().size() == first.size());
  for (const auto& [group, log] : first) {
    CHECK(harness.log->recovered().at(group).last_index == log.last_index) << group;
    CHECK(harness.log->recovered().at(group).hard_state == log.hard_state) << group;
  }
  return 0;
}
