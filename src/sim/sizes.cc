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

void Sizes::earn() {
  const Duration passed = std::min<Duration>(queue_.now() - earned_until_, 60s);
  earned_until_ = queue_.now();
  const uint64_t second = options_.bytes_per_second;
  const uint64_t most = std::max(second, options_.value_bytes_max);
  earned_ = std::min(most, earned_ + static_cast<uint64_t>(passed.count()) * second / 1'000'000'000);
}

bool Sizes::spend(uint64_t bytes) {
  earn();
  if (bytes > left_ || (options_.bytes_per_second > 0 && bytes > earned_)) return false;
  charge(bytes);
  return true;
}

void Sizes::charge(uint64_t bytes) {
  left_ -= std::min(bytes, left_);
  earned_ -= std::min(bytes, earned_);
}

}  // namespace torc::sim
