// The record of a group in the checkpoint store: what the images beside it belong to.
#pragma once

#include <string>
#include <string_view>

#include "base/arc.h"
#include "base/result.h"
#include "base/strong_id.h"
#include "consensus/types.h"
#include "kv/image_format.h"

namespace torc::storage {

/// First byte of every key in the checkpoint store (rules.md#state-by-slot). Values stand in keys: never renumber.
constexpr uint8_t kMetaKeyspace = 0;
static_assert(kMetaKeyspace < kv::kKeyspaceLinearizable);
/// Of the group's record and of its images: who wrote records of version 1 wrote images under other keys.
constexpr uint8_t kCheckpointVersion = 2;

/// Committed in the same generation as the images, so that both say the same index (rules.md#images-as-of-an-index).
struct CheckpointMeta {
  GroupId group;
  Arc arc;                                 // whose images these are
  LogIndex index;                          // the images are exactly as of this entry
  Term term;                               // of that entry
  consensus::Configuration configuration;  // as of that entry
  std::string header;                      // the state machine's: sessions, counters, last stamp

  friend bool operator==(const CheckpointMeta&, const CheckpointMeta&) = default;
};

/// u8 0, then the group id big-endian: before every data key.
std::string checkpoint_meta_key(GroupId group);

/// Layout: u32 CRC-32C of the rest, u8 version (2), u64 group, u16 first slot, u16 end slot, u64 index, u64 term,
/// varint length and bytes of the configuration, varint length and bytes of the header.
std::string encode_checkpoint_meta(const CheckpointMeta& meta);
/// Errors: kCorrupt, kVersion.
Result<CheckpointMeta> decode_checkpoint_meta(std::string_view value);

}  // namespace torc::storage
