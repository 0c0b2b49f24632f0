#include "server/large_blocks.h"

#include <malloc.h>

#include <cstdlib>
#include <string_view>

namespace torc::server {

void map_large_blocks() {
  const char* tunables = std::getenv("GLIBC_TUNABLES");
  const std::string_view told = tunables == nullptr ? "" : tunables;
  const auto is_told = [told](std::string_view name) { return told.find(name) != std::string_view::npos; };
  if (!is_told("mmap_threshold")) mallopt(M_MMAP_THRESHOLD, static_cast<int>(kLargeBlockBytes));
  if (!is_told("trim_threshold")) mallopt(M_TRIM_THRESHOLD, static_cast<int>(kFreeBytesKept));
}

}  // namespace torc::server
