#include "node/stamp_leads.h"

#include <algorithm>

namespace torc::node {
namespace {

int64_t lead_of(WallMs wall, Instant now) { return wall.ms - now.ns / 1'000'000; }

}  // namespace

void StampLeads::begin(WallMs stamp, Instant now) { steps_ = {{lead_of(stamp, now), std::nullopt}}; }

void StampLeads::on_stamp(WallMs stamp, Instant now, uint64_t operations_before) {
  const int64_t lead_ms = lead_of(stamp, now);
  if (!steps_.empty() && lead_ms <= steps_.back().lead_ms + kStepMs) return;
  if (steps_.size() == kStepsMax) steps_.erase(steps_.begin());
  steps_.push_back({lead_ms, operations_before});
}

std::optional<uint64_t> StampLeads::operations_right(WallMs time, int64_t bound_ms, Instant now) const {
  const int64_t right_ms = lead_of(time, now) + bound_ms;
  const auto wrong = std::ranges::find_if(steps_, [&](const Step& step) { return step.lead_ms > right_ms; });
  return wrong == steps_.end() ? std::nullopt : wrong->operations_before;
}

void StampLeads::set_back(WallMs time, Instant now) {
  std::erase_if(steps_, [&](const Step& step) { return step.lead_ms > lead_of(time, now); });
}

}  // namespace torc::node
