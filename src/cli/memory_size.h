// How much memory a node may take: as operators write it, and what there is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace torc::cli {

/// A number with a unit as in redis.conf, in any case: none or b, k (1000), kb (1024), m, mb, g, gb. Errors: kInvalid.
Result<uint64_t> parse_memory_size(std::string_view text);

/// What this process can have before the system ends it: the machine's memory, or the least of its control groups'
/// limits (version 1 or 2), whichever is smaller. 0: unknown. `root`: of the file system, for tests.
uint64_t memory_available(const std::string& root = "");

/// The default of --max-memory: the rest is for buffers (docs/architecture.md, memory), fragmentation and the system.
constexpr uint64_t kMaxMemoryPercent = 75;

}  // namespace torc::cli
