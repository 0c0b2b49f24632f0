#include "sim/sizes.h"

#include <algorithm>
#include <bit>

namespace torc::sim {

uint64_t Sizes::draw_filler() {
  if (is_spent() || options_.value_bytes_max == 0 || !prng_.chance(options_.large_per_mille, 1000)) return 0;
  // Every magnitude alike, and the limit itself more often.
  const auto magnitudes = static_cast<uint64_t>(std::bit_width(options_.value_bytes_max));
  const uint64_t magnitude = uint64_t{1} << prng_.between(std::min<uint64_t>(6, magnitudes), magnitudes);
  const uint64_t drawn = prng_.between(magnitude / 2, magnitude);
  const uint64_t bytes = prng_.chance(1, 8) ? options_.value_bytes_max : std::min(drawn, options_.value_bytes_max);
  return spend(bytes) ? bytes : 0;
}

bool Sizes::spend(uint64_t bytes) {
  if (bytes > left_) return false;
  left_ -= bytes;
  return true;
}

}  // namespace torc::sim
