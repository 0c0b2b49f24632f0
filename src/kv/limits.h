// The chain of limits: what one thing may be, so that what holds it never overflows. Whatever gathers (batches, frames,
// replies) closes before it would pass its own limit (rules.md#close-before-overflow); the sums that are needed
// for that are asserted beside each holder.
//
//   key, value  ->  operation (a command in an entry)  ->  entry  ->  frame between nodes
//   value       ->  reply                              ->  frame between nodes
//
// Limits of formats that stand on disks and travel between versions are never lowered.
#pragma once

#include <cstddef>
#include <cstdint>

namespace torc::kv {

constexpr size_t kKeyBytesMax = 65'535;       // fits Entry::key_bytes
constexpr size_t kValueBytesMax = 32u << 20;  // told to clients as proto-max-bulk-len
constexpr size_t kArgsMax = 1u << 20;         // arguments of one command, its name not counted

/// A key as it stands in the checkpoint store (image_format.h): each of its bytes may have become two, and the end is
/// marked by two.
constexpr size_t kEscapedKeyBytesMax = 2 * kKeyBytesMax + 2;

/// An operation's own bytes beside its arguments (batch.h): flags, command id, label, argument count.
constexpr size_t kOperationHeadBytesMax = 1 + 3 + (16 + 10 + 10) + 5;
/// The length in front of an argument.
constexpr size_t kArgumentHeadBytesMax = 4;
static_assert(kValueBytesMax < size_t{1} << 28, "a varint of four bytes");

/// One operation: a command with all arguments, their lengths and its label. A larger one is refused before it is
/// proposed, whoever brings it.
constexpr size_t kOperationBytesMax = (40u << 20) - (32u << 10);
/// The stamp in front of the operations.
constexpr size_t kBatchHeadBytes = 8;
constexpr size_t kBatchBytesMax = kBatchHeadBytes + kOperationBytesMax;

static_assert(kOperationHeadBytesMax + 16 * (kArgumentHeadBytesMax + 32) + kKeyBytesMax + kValueBytesMax <=
                  kOperationBytesMax,
              "the largest value under the longest key with every option of SET");

/// One answer, counted by its texts and kReplyElementBytes for each of its elements. A command whose answer would be
/// larger is refused before the answer is built: ten thousand names of one large value are 100 KB that ask for 320 GB.
constexpr size_t kReplyBytesMax = 48u << 20;
/// More than either encoding (RESP, recorded_reply.h) adds to an element's text.
constexpr size_t kReplyElementBytes = 16;
static_assert(kValueBytesMax + kReplyElementBytes <= kReplyBytesMax, "every value can be read");

}  // namespace torc::kv
