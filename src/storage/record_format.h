// One record of the log: a checksummed header of 32 bytes, a payload, zeros up to the next multiple of 8.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/strong_id.h"
#include "consensus/types.h"
#include "storage/group_state.h"

namespace torc::storage {

/// A byte's place in the endless stream of which each segment file holds a piece; never reused, never runs backwards.
using LogPosition = StrongCounter<struct LogPositionTag>;

/// Values stand in files: never renumber.
enum class RecordKind : uint8_t {
  kEntry = 1,       // payload: Entry.encoded
  kHardState = 2,   // u64 term, u64 vote's node, u64 vote's replica number
  kCut = 3,         // u64 index, u64 term: entries up to index are gone, later ones stay
  kReset = 4,       // u64 index, u64 term: all entries are gone, the log goes on after index
  kGroupState = 5,  // everything about a group except its entries, repeated at the head of each segment
                    // (rules.md#segments-repeat-state)
  kTrim = 6,        // u64 sequence of the oldest segment that is still needed; older files may be reused or removed
  kMarker = 7,      // no payload: written by an idle log for its synced_through alone (rules.md#torn-or-damaged)
  kCopy = 8,      // payload: Entry.encoded of an entry that was durable when this was written. The copies of a group's
                  // whole tail stand one behind the other, so that its old segments can go
  kGone = 9,      // no payload: the group left this node. Nothing said of it before counts any more
  kReplica = 10,  // u64 replica number: a replica of the group begins here, and what follows is its
};

constexpr size_t kRecordHeaderBytes = 32;
/// Records start at multiples of this, so that recovery can look for them behind damage.
constexpr size_t kRecordAlignment = 8;
constexpr size_t kRecordPayloadBytesMax = consensus::kEntryHeaderBytes + consensus::kEntryPayloadBytesMax;

/// Layout, little-endian:
///   0  u32 CRC-32C of (u64 segment sequence, u64 salt, bytes 4..31)
///   4  u32 CRC-32C of the payload     8  u32 payload bytes
///  12  u8 kind    13  u8 version (1)  14  u16 zero
///  16  u64 group                      24  u64 synced_through
struct RecordHeader {
  RecordKind kind = RecordKind::kMarker;
  /// Errors: kVersion. Every version keeps the first 16 bytes and what the checksum covers; of a record that is not
  /// readable the other fields mean nothing.
  Status readable;
  GroupId group;  // none: kTrim and kMarker
  uint32_t payload_bytes = 0;
  uint32_t payload_crc = 0;
  LogPosition synced_through;  // end of the last completed fsync when this was written: everything below is durable
};

/// Header, payload and padding.
constexpr uint64_t record_bytes(uint64_t payload_bytes) {
  return (kRecordHeaderBytes + payload_bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}

/// What makes a record belong to one segment of one log. The sequence keeps a recycled file's old records out; the salt
/// keeps out values that a client stored to look like records.
class RecordSeal {
 public:
  RecordSeal(uint64_t segment_sequence, uint64_t salt);
  void put_header(std::string& out, const RecordHeader& header) const;
  /// The header at `bytes`, or nothing if no record of this segment starts there.
  /// Requires: kRecordHeaderBytes readable bytes.
  std::optional<RecordHeader> parse_header(const char* bytes) const;

 private:
  uint32_t crc_;
};

std::string encode_hard_state(const consensus::HardState& state);
/// An (index, term) pair, of kCut and kReset.
std::string encode_point(LogIndex index, Term term);
std::string encode_group_state(const GroupState& state);
std::string encode_trim(uint64_t first_sequence_needed);
std::string encode_replica(ReplicaNumber replica);

struct LogPoint {
  LogIndex index;
  Term term;
};
std::optional<consensus::HardState> decode_hard_state(std::string_view payload);
std::optional<LogPoint> decode_point(std::string_view payload);
std::optional<GroupState> decode_group_state(std::string_view payload);
std::optional<uint64_t> decode_trim(std::string_view payload);
std::optional<ReplicaNumber> decode_replica(std::string_view payload);

/// What an entry says about itself, without its payload.
struct EntryHead {
  Term term;
  LogIndex index;
  consensus::EntryKind kind = consensus::EntryKind::kNoop;
};
/// Errors: kCorrupt if `encoded` is not exactly one entry; kVersion.
Result<EntryHead> decode_entry_head(std::string_view encoded);

}  // namespace torc::storage
