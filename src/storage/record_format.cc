#include "storage/record_format.h"

#include "base/codec.h"
#include "base/crc32c.h"
#include "base/version.h"

namespace torc::storage {
namespace {

constexpr uint8_t kRecordVersion = 1;
constexpr size_t kKindOffset = 12;

bool is_known(uint8_t kind) {
  return kind >= static_cast<uint8_t>(RecordKind::kEntry) && kind <= static_cast<uint8_t>(RecordKind::kReplica);
}

void put_hard_state(std::string& out, const consensus::HardState& state) {
  put_u64(out, state.term.value);
  put_u64(out, state.vote.node.value);
  put_u64(out, state.vote.number.value);
}

consensus::HardState read_hard_state(Reader& reader) {
  consensus::HardState state;
  state.term = Term(reader.u64());
  state.vote.node = NodeId(reader.u64());
  state.vote.number = ReplicaNumber(reader.u64());
  return state;
}

}  // namespace

RecordSeal::RecordSeal(uint64_t segment_sequence, uint64_t salt) {
  std::string seed;
  put_u64(seed, segment_sequence);
  put_u64(seed, salt);
  crc_ = crc32c(seed);
}

void RecordSeal::put_header(std::string& out, const RecordHeader& header) const {
  const size_t begin = out.size();
  put_u32(out, 0);
  put_u32(out, header.payload_crc);
  put_u32(out, header.payload_bytes);
  put_u8(out, static_cast<uint8_t>(header.kind));
  put_u8(out, kRecordVersion);
  put_u16(out, 0);
  put_u64(out, header.group.value);
  put_u64(out, header.synced_through.value);
  store_u32(out.data() + begin, crc32c(std::string_view(out).substr(begin + 4), crc_));
}

std::optional<RecordHeader> RecordSeal::parse_header(const char* bytes) const {
  // Kind, version and zeros first: the search behind damage looks at every eighth byte of a segment.
  const uint32_t marks = load_u32(bytes + kKindOffset);
  const uint8_t kind = marks & 0xff;
  const uint32_t version = marks >> 8;  // and the zeros above it
  if (kind == 0 || version == 0 || version > UINT8_MAX) return std::nullopt;
  if (load_u32(bytes) != crc32c(std::string_view(bytes + 4, kRecordHeaderBytes - 4), crc_)) return std::nullopt;
  RecordHeader header;
  header.kind = static_cast<RecordKind>(kind);
  if (version != kRecordVersion) {
    header.readable = unknown_version("the record", version, kRecordVersion);
    return header;
  }
  if (!is_known(kind)) {
    header.readable = unknown_kind("the record", kind);
    return header;
  }
  header.payload_crc = load_u32(bytes + 4);
  header.payload_bytes = load_u32(bytes + 8);
  header.group = GroupId(load_u64(bytes + 16));
  header.synced_through = LogPosition(load_u64(bytes + 24));
  if (header.payload_bytes > kRecordPayloadBytesMax) return std::nullopt;
  return header;
}

std::string encode_hard_state(const consensus::HardState& state) {
  std::string out;
  put_hard_state(out, state);
  return out;
}

std::string encode_point(LogIndex index, Term term) {
  std::string out;
  put_u64(out, index.value);
  put_u64(out, term.value);
  return out;
}

std::string encode_group_state(const GroupState& state) {
  std::string out;
  put_hard_state(out, state.hard_state);
  put_u64(out, state.start_index.value);
  put_u64(out, state.start_term.value);
  put_u64(out, state.last_index.value);
  put_u64(out, state.replica.value);
  return out;
}

std::string encode_trim(uint64_t first_sequence_needed) {
  std::string out;
  put_u64(out, first_sequence_needed);
  return out;
}

std::string encode_replica(ReplicaNumber replica) {
  std::string out;
  put_u64(out, replica.value);
  return out;
}

std::optional<consensus::HardState> decode_hard_state(std::string_view payload) {
  Reader reader(payload);
  const consensus::HardState state = read_hard_state(reader);
  if (!reader.at_end()) return std::nullopt;
  return state;
}

std::optional<LogPoint> decode_point(std::string_view payload) {
  Reader reader(payload);
  LogPoint point;
  point.index = LogIndex(reader.u64());
  point.term = Term(reader.u64());
  if (!reader.at_end() || point.index > consensus::kLogIndexMax) return std::nullopt;
  return point;
}

std::optional<GroupState> decode_group_state(std::string_view payload) {
  Reader reader(payload);
  GroupState state;
  state.hard_state = read_hard_state(reader);
  state.start_index = LogIndex(reader.u64());
  state.start_term = Term(reader.u64());
  state.last_index = LogIndex(reader.u64());
  state.replica = ReplicaNumber(reader.u64());
  if (!reader.at_end() || state.last_index < state.start_index || state.last_index > consensus::kLogIndexMax)
    return std::nullopt;
  return state;
}

std::optional<uint64_t> decode_trim(std::string_view payload) {
  Reader reader(payload);
  const uint64_t sequence = reader.u64();
  if (!reader.at_end()) return std::nullopt;
  return sequence;
}

std::optional<ReplicaNumber> decode_replica(std::string_view payload) {
  Reader reader(payload);
  const ReplicaNumber replica(reader.u64());
  if (!reader.at_end() || !replica) return std::nullopt;
  return replica;
}

Result<EntryHead> decode_entry_head(std::string_view encoded) {
  const Error malformed{ErrorCode::kCorrupt, "malformed entry"};
  if (encoded.size() < consensus::kEntryHeaderBytes) return malformed;
  Reader reader(encoded);
  const uint32_t payload_bytes = reader.u32();
  const uint8_t kind = reader.u8();
  const uint8_t version = reader.u8();
  const uint16_t zero = reader.u16();
  EntryHead head;
  head.term = Term(reader.u64());
  head.index = LogIndex(reader.u64());
  head.kind = static_cast<consensus::EntryKind>(kind);
  if (version != consensus::kEntryVersion) return unknown_version("the entry", version, consensus::kEntryVersion);
  if (kind > static_cast<uint8_t>(consensus::EntryKind::kConfiguration)) return unknown_kind("the entry", kind);
  if (payload_bytes != reader.rest().size() || zero != 0 || head.index > consensus::kLogIndexMax) return malformed;
  return head;
}

}  // namespace torc::storage
