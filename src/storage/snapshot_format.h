// The bytes of a snapshot on its way to another replica: a checkpoint as one stream, cut into chunks anywhere.
//
//   u8 version (2)
//   bytes head             the group's record of the checkpoint (checkpoint_format.h): arc, index, term, configuration
//                          in force there, the state machine's header
//   bytes key, bytes value  of every image, in ascending order of the keys; any number of times
//   u8 0                   an empty key: the end
//   u64 count of images
//
// "bytes" is a varint length and the bytes. Every chunk travels with the CRC-32C of the stream from its first byte up
// to the end of that chunk: a gap, a repetition, another stream's chunk and damage all show at once, and the last
// chunk's checksum is that of the whole.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kv/image_format.h"
#include "kv/sessions.h"
#include "storage/checkpoint_format.h"

namespace torc::storage {

constexpr uint8_t kSnapshotVersion = 2;
/// What is sent at a time: small beside the memory of a connection, large beside what a message costs.
constexpr size_t kSnapshotChunkBytes = 256u << 10;

// What a receiver believes a length up to; nothing is allocated before the bytes arrive.
constexpr size_t kSnapshotHeadBytesMax = 512u << 20;
/// Checksum, version, group, arc, index, term, configuration (64 members of 16 bytes, in three lists), and the state
/// machine's header: version, counter, stamp, sessions.
static_assert(4 + 1 + 3 * 8 + 2 * 2 + (10 + 1 + 3 * (10 + 16 * consensus::kConfigurationMembersMax)) +
                  (10 + 1 + 8 + 8 + kv::kSessionsEncodedBytesMax) <=
              kSnapshotHeadBytesMax);
constexpr size_t kSnapshotKeyBytesMax = kv::kImageKeyBytesMax;
constexpr size_t kSnapshotValueBytesMax = kv::kImageValuePrefixBytes + kv::kValueBytesMax;

}  // namespace torc::storage
