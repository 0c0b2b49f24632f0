// The first block of a segment file: which piece of the log it holds, checksummed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "storage/record_format.h"

namespace torc::storage {

/// Records begin behind the block. Its fields stand in the first sector, which a device writes whole or not at all: a
/// crash leaves the old header of a recycled file or the new one.
constexpr size_t kSegmentHeaderBytes = 4096;

/// Layout, little-endian, zeros up to the end of the block:
///   0  8 bytes "TORCLOG1"            8  u32 CRC-32C of bytes 12..63    12  u32 version (3)
///  16  u64 sequence                 24  u64 base                      32  u64 synced_through
///  40  u64 first_sequence_needed    48  u64 salt                      56  u64 previous_sequence
///  64  u64 owner                    72  u32 CRC-32C of bytes 0..71
/// The second checksum is there because every version keeps what the first one covers.
struct SegmentHeader {
  uint64_t sequence = 0;  // increases by one per segment; 0: none
  LogPosition base;       // position of the file's first byte, and so where the previous segment ends
  /// Durable when this header was written: all earlier segments, and of this one what a restart put there atomically.
  LogPosition synced_through;
  uint64_t first_sequence_needed = 0;  // segments below may be gone
  uint64_t salt = 0;                   // the same in all segments of a log
  /// Usually one less; 0: this is the first. A segment of which nothing was synced is skipped: a crash may yet unmake
  /// it.
  uint64_t previous_sequence = 0;
  /// The incarnation of the node whose promises stand in the log; 0: not known when this was written.
  uint64_t owner = 0;
  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

/// The whole block.
std::string encode_segment_header(const SegmentHeader& header);
/// Errors: kCorrupt if `block` does not start with a valid header; kVersion. (Every version keeps the first 16 bytes
/// and what the checksum covers.)
Result<SegmentHeader> decode_segment_header(std::string_view block);

}  // namespace torc::storage
