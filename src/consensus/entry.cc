// The entry layout of types.h, written in place and parsed without copying.
#include <cstring>

#include "base/codec.h"
#include "base/version.h"
#include "consensus/types.h"

namespace torc::consensus {
namespace {

constexpr size_t kKindOffset = 4;
constexpr size_t kVersionOffset = 5;
constexpr size_t kZeroOffset = 6;
constexpr size_t kTermOffset = 8;
constexpr size_t kIndexOffset = 16;

bool is_known_kind(uint8_t kind) { return kind <= static_cast<uint8_t>(EntryKind::kConfiguration); }

}  // namespace

Entry make_entry(Term term, LogIndex index, EntryKind kind, std::string buffer) {
  CHECK(buffer.size() >= kEntryHeaderBytes) << "no room was reserved for the header: " << buffer.size();
  const size_t payload_bytes = buffer.size() - kEntryHeaderBytes;
  CHECK(payload_bytes <= kEntryPayloadBytesMax) << "payload of " << payload_bytes << " bytes";
  char* head = buffer.data();
  store_u32(head, static_cast<uint32_t>(payload_bytes));
  head[kKindOffset] = static_cast<char>(kind);
  head[kVersionOffset] = static_cast<char>(kEntryVersion);
  head[kZeroOffset] = head[kZeroOffset + 1] = 0;
  store_u64(head + kTermOffset, term.value);
  store_u64(head + kIndexOffset, index.value);
  return Entry{term, index, kind, Bytes(std::move(buffer))};
}

Result<Entry> take_entry(Bytes& bytes) {
  if (bytes.size() < kEntryHeaderBytes) return Error{ErrorCode::kInvalid, "entry: shorter than its header"};
  const char* head = bytes.view().data();
  const uint64_t payload_bytes = load_u32(head);
  if (payload_bytes > kEntryPayloadBytesMax) return Error{ErrorCode::kInvalid, "entry: payload above the limit"};
  if (payload_bytes > bytes.size() - kEntryHeaderBytes) return Error{ErrorCode::kInvalid, "entry: cut short"};
  const auto kind = static_cast<uint8_t>(head[kKindOffset]);
  const auto version = static_cast<uint8_t>(head[kVersionOffset]);
  if (version != kEntryVersion) return unknown_version("the entry", version, kEntryVersion);
  if (!is_known_kind(kind)) return unknown_kind("the entry", kind);
  if (head[kZeroOffset] != 0 || head[kZeroOffset + 1] != 0) return Error{ErrorCode::kInvalid, "entry: not zero"};
  Entry entry;
  entry.term = Term(load_u64(head + kTermOffset));
  entry.index = LogIndex(load_u64(head + kIndexOffset));
  if (!entry.term || !entry.index) return Error{ErrorCode::kInvalid, "entry: term or index is zero"};
  if (entry.index > kLogIndexMax) return Error{ErrorCode::kInvalid, "entry: index above the limit"};
  entry.kind = static_cast<EntryKind>(kind);
  entry.encoded = bytes.slice(0, kEntryHeaderBytes + payload_bytes);
  bytes = bytes.slice(kEntryHeaderBytes + payload_bytes);
  return entry;
}

bool is_run(LogIndex prev, Term prev_term, Term term_max, const std::vector<Entry>& entries) {
  LogIndex index = prev;
  Term term = prev_term;
  if (prev_term > term_max || prev > kLogIndexMax - entries.size()) return false;
  for (const Entry& entry : entries) {
    if (entry.index != ++index || entry.term < term || entry.term > term_max) return false;
    if (entry.encoded.size() < kEntryHeaderBytes) return false;
    if (entry.kind == EntryKind::kConfiguration && !decode_configuration(entry.payload()).ok()) return false;
    term = entry.term;
  }
  return true;
}

}  // namespace torc::consensus
