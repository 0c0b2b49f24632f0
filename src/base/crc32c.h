// CRC-32C (Castagnoli), the checksum of log records, frames and segment headers. RFC 3720, appendix B.4.
#pragma once

#include <cstdint>
#include <string_view>

namespace torc {

/// Checksum of `bytes`, continuing from `crc` (the checksum of what came before; 0 at the start).
uint32_t crc32c(std::string_view bytes, uint32_t crc = 0);

}  // namespace torc
