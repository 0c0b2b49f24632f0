#include "explore/fingerprint.h"

#include <xxhash.h>

namespace torc::explore {

Fingerprint fingerprint(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

}  // namespace torc::explore
