#include "mapreduce/stillness.h"

#include <algorithm>

namespace torc::mapreduce {

void StillnessWatch::look(uint64_t now_ms) {
  ++look_;
  step_ms_ = look_ == 1 || now_ms < last_ms_ ? 0 : std::min(now_ms - last_ms_, gap_ms_max_);
  last_ms_ = now_ms;
}

StillnessWatch::Watched StillnessWatch::see(const Attempt& attempt, uint64_t number) {
  const auto [at, is_new] = seen_.try_emplace(attempt, Seen{number, {}, look_});
  Seen& seen = at->second;
  if (is_new) return {};
  const uint64_t step_ms = seen.look == look_ ? 0 : step_ms_;
  seen.look = look_;
  seen.watched.all_ms += step_ms;
  seen.watched.still_ms = seen.number == number ? seen.watched.still_ms + step_ms : 0;
  seen.number = number;
  return seen.watched;
}

void StillnessWatch::forget_unseen() {
  std::erase_if(seen_, [&](const auto& each) { return each.second.look != look_; });
}

}  // namespace torc::mapreduce
