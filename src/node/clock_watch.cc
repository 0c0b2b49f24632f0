#include "node/clock_watch.h"

#include <algorithm>
#include <functional>

namespace torc::node {
namespace {

/// Clocks within these are in the middle; with an even number of them it is not known which of the two middle ones is.
struct Median {
  int64_t low = 0;
  int64_t high = 0;
  int64_t distance(int64_t ahead) const { return std::max<int64_t>({0, low - ahead, ahead - high}); }
};

int64_t monotonic_ms(Instant now) { return now.ns / 1'000'000; }

// No clock is that wrong; what comes from a peer must not overflow.
constexpr int64_t kWallMaxMs = int64_t{1} << 52;

int64_t offset_of(WallMs wall, Instant now) { return std::clamp(wall.ms, -kWallMaxMs, kWallMaxMs) - monotonic_ms(now); }

WallMs at(int64_t offset_ms, Instant now) { return WallMs{offset_ms + monotonic_ms(now)}; }

}  // namespace

void ClockWatch::on_report(NodeId node, WallMs theirs, Instant now) { reports_[node] = {offset_of(theirs, now), now}; }

/// Of the voters that are known, the latest clock first.
std::vector<int64_t> ClockWatch::offsets(const std::vector<NodeId>& voters, NodeId self, WallMs ours, Instant now,
                                         std::optional<Duration> age_max) const {
  std::vector<int64_t> offsets;
  for (const NodeId voter : voters) {
    const auto report = reports_.find(voter);
    if (voter == self) {
      offsets.push_back(offset_of(ours, now));
    } else if (report != reports_.end() && (!age_max || now - report->second.received <= *age_max)) {
      offsets.push_back(report->second.offset_ms);
    }
  }
  std::ranges::sort(offsets, std::greater());
  return offsets;
}

std::optional<WallMs> ClockWatch::latest_stamp(const std::vector<NodeId>& voters, NodeId self, WallMs ours,
                                               Instant now) const {
  const size_t majority = voters.size() / 2 + 1;
  // What was last heard long ago counts only where too little was heard since.
  std::vector<int64_t> known = offsets(voters, self, ours, now, kReportAgeMax);
  if (known.size() < majority) known = offsets(voters, self, ours, now, std::nullopt);
  if (known.size() < majority) return std::nullopt;
  return at(known[majority - 1] + kFarMs, now);
}

std::optional<WallMs> ClockWatch::time_to_go_back_to(const std::vector<NodeId>& voters, NodeId self, WallMs ours,
                                                     WallMs stamp, Instant now, ClockDistance& distance) {
  const size_t majority = voters.size() / 2 + 1;
  const std::vector<int64_t> known = offsets(voters, self, ours, now, kReportAgeMax);
  // The clocks that nothing is heard of may show any time at all: as if they were the latest.
  const size_t unknown = voters.size() - known.size();
  const bool is_ahead =
      !known.empty() && unknown < majority && stamp.ms - at(known[majority - 1 - unknown], now).ms > kFarMs;
  if (!is_ahead) {
    distance.ahead_since.reset();
    return std::nullopt;
  }
  if (!distance.ahead_since) distance.ahead_since = now;
  if (now - *distance.ahead_since < kFarFor) return std::nullopt;
  distance.ahead_since.reset();  // what is done about it takes a while to show
  return std::max(at(known[majority - 1 - unknown], now), WallMs{0});
}

std::optional<NodeId> ClockWatch::better_leader(const std::vector<NodeId>& voters, NodeId self, WallMs ours,
                                                Instant now, ClockDistance& distance) {
  std::vector<int64_t> ahead{0};
  std::map<int64_t, NodeId> owners;
  for (const NodeId voter : voters) {
    const auto report = reports_.find(voter);
    if (voter == self || report == reports_.end() || now - report->second.received > kReportAgeMax) continue;
    const int64_t ahead_ms = report->second.offset_ms - offset_of(ours, now);
    ahead.push_back(ahead_ms);
    owners.emplace(ahead_ms, voter);
  }
  std::ranges::sort(ahead);
  const Median median{ahead[(ahead.size() - 1) / 2], ahead[ahead.size() / 2]};
  const bool is_quorum = ahead.size() > voters.size() / 2;
  if (!is_quorum || median.distance(0) <= kFarMs) {
    distance.far_since.reset();
    return std::nullopt;
  }
  if (!distance.far_since) distance.far_since = now;
  if (now - *distance.far_since < kFarFor) return std::nullopt;
  const auto nearest = std::ranges::min_element(
      owners, {}, [&](const auto& owner) { return std::pair(median.distance(owner.first), owner.second); });
  if (median.distance(nearest->first) > kNearMs) return std::nullopt;
  return nearest->second;
}

}  // namespace torc::node
