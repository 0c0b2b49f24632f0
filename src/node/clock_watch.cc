#include "node/clock_watch.h"

#include <algorithm>

namespace torc::node {
namespace {

/// Clocks within these are in the middle; with an even number of them it is not known which of the two middle ones is.
struct Median {
  int64_t low = 0;
  int64_t high = 0;
  int64_t distance(int64_t ahead) const { return std::max<int64_t>({0, low - ahead, ahead - high}); }
};

}  // namespace

void ClockWatch::on_report(NodeId node, WallMs theirs, WallMs ours, Instant now) {
  // No clock is that wrong; what comes from a peer must not overflow.
  constexpr int64_t kAheadMaxMs = int64_t{1} << 52;
  const int64_t their_ms = std::clamp(theirs.ms, -kAheadMaxMs, kAheadMaxMs);
  const int64_t our_ms = std::clamp(ours.ms, -kAheadMaxMs, kAheadMaxMs);
  reports_[node] = {their_ms - our_ms, now};
}

std::optional<NodeId> ClockWatch::better_leader(const std::vector<NodeId>& voters, NodeId self, Instant now) {
  std::vector<int64_t> ahead{0};
  std::map<int64_t, NodeId> owners;
  for (const NodeId voter : voters) {
    const auto report = reports_.find(voter);
    if (voter == self || report == reports_.end() || now - report->second.received > kReportAgeMax) continue;
    ahead.push_back(report->second.ahead_ms);
    owners.emplace(report->second.ahead_ms, voter);
  }
  std::ranges::sort(ahead);
  const Median median{ahead[(ahead.size() - 1) / 2], ahead[ahead.size() / 2]};
  const bool is_quorum = ahead.size() > voters.size() / 2;
  if (!is_quorum || median.distance(0) <= kFarMs) {
    far_since_.reset();
    return std::nullopt;
  }
  if (!far_since_) far_since_ = now;
  if (now - *far_since_ < kFarFor) return std::nullopt;
  const auto nearest = std::ranges::min_element(
      owners, {}, [&](const auto& owner) { return std::pair(median.distance(owner.first), owner.second); });
  if (median.distance(nearest->first) > kNearMs) return std::nullopt;
  return nearest->second;
}

}  // namespace torc::node
