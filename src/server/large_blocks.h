// Large blocks of memory are mapped one by one, and given back when they are freed.
#pragma once

#include <cstddef>

namespace torc::server {

/// Blocks from this size on are mappings of their own. Below are the buffers that come and go with every batch
/// (entries, frames, pieces of a snapshot: about 1 MiB), for which a mapping each would be a system call and its page
/// faults each.
inline constexpr size_t kLargeBlockBytes = 4u << 20;
/// Of free memory at the end of malloc's heap this much is kept: a busy node should not give back and ask again.
inline constexpr size_t kFreeBytesKept = 64u << 20;

/// glibc's malloc begins like this, but learns: once a mapped block is freed, blocks up to that size come out of the
/// heap (mallopt(3), "dynamic mmap threshold"). Values of many megabytes that come and go between small ones that stay
/// then leave holes that nothing gives back, and a node that counts 320 MiB has 1,700 MiB. Fixed thresholds end the
/// learning. What the operator says by GLIBC_TUNABLES about these two is left as it is.
void map_large_blocks();

}  // namespace torc::server
