// The time of a group: what its leader stamps, and what is done about stamps that were ahead (node/clock_watch.h).
#include <algorithm>

#include "kv/stamp_repair.h"
#include "node/group.h"

namespace torc::node {

/// What this node may stamp, and what it takes for the time: its own clock's, but not far ahead of those of a majority.
/// While too few of those are known, the stamps go on at the pace of time.
WallMs Group::stamp_now(Instant now) const {
  const WallMs own = clock_.wall_now();
  if (const auto latest = surroundings_.latest_stamp(now)) return std::min(own, *latest);
  if (stamp_ == WallMs()) return own;
  return std::min(own, WallMs{stamp_.ms + (now - stamped_at_) / 1ms});
}

void Group::notice_stamp() {
  const Instant now = clock_.now();
  const WallMs stamp = state().last_stamp();
  if (stamp < stamp_) {
    ++stamps_set_back_;
    stamp_leads_.set_back(stamp, now);
    output_.notices.push_back(
        {NoticeLevel::kWarning,
         "the time by which keys expire was " + std::to_string((stamp_.ms - stamp.ms) / 1000) +
             " s ahead of the clocks of a majority and is set back; deadlines set meanwhile move with it",
         "stamp set back", 1});
  }
  stamp_leads_.on_stamp(stamp, now, operations_);
  if (stamp != stamp_) stamped_at_ = now;
  stamp_ = stamp;
  operations_ = state().operation_count();
}

void Group::adopt_stamp() {
  stamp_ = state().last_stamp();
  stamped_at_ = clock_.now();
  stamp_leads_.begin(stamp_, stamped_at_);
  operations_ = state().operation_count();
}

void Group::set_stamp_back(WallMs time, int64_t bound_ms) {
  if (!was_leader_) return;
  const Instant now = clock_.now();
  const std::optional<uint64_t> right = stamp_leads_.operations_right(time, bound_ms, now);
  // Where nobody knows which operations had wrong stamps, only what lies behind all of those moves.
  const kv::StampRepair repair{time, right.value_or(0), right ? time : std::max(time, stamp_)};
  const std::vector<std::string> words = kv::arguments(repair);
  const std::vector<std::string_view> args(words.begin(), words.end());
  write_own({kv::CommandId::kSetBack, args});
}

}  // namespace torc::node
