#include "sim/calm.h"

#include <algorithm>

namespace torc::sim {
namespace {

/// The first elections may be contested, and who meets whom first is chance.
constexpr Duration kSettlesWithin = 4s;
/// Leaderships of several groups are spread over the nodes one after the other (node/leadership_balance.h), and a
/// hand-over waits for several writes of the slowest disks: with all 8 at one of three nodes, and writes of up to half
/// a second, that took longer than 12 s (seed 29, 8 groups).
constexpr Duration kHandOverWithin = 4s;

}  // namespace

void Calm::after_turn(NodeId id) {
  for (const node::GroupStatus& group : world_.status_after_turn(id).groups) {
    Led& led = groups_[group.group];
    const bool leads = group.replica.role == consensus::Role::kLeader;
    const uint64_t leaderships = observer_.leaderships_of(group.group);
    const bool has_changed = led.leader && (leaderships != led.leaderships || (id == led.leader && !leads));
    if (has_changed && world_.queue().now() >= settled(led)) {
      world_.fail(FailureKind::kSafety, "leadership changed hands in a world where nothing is wrong: node " +
                                            std::to_string(led.leader.value) + " led, now node " +
                                            std::to_string(id.value) + " is " +
                                            std::string(consensus::to_string(group.replica.role)) + " of term " +
                                            std::to_string(group.replica.term.value));
    }
    if (has_changed) led = {};
    if (led.leader || !leads || !group.replica.has_lease) continue;
    led = {id, leaderships, world_.queue().now()};
  }
  if (!is_even()) {
    even_since_ = Instant::never();
  } else if (even_since_ == Instant::never()) {
    even_since_ = world_.queue().now();
  }
}

bool Calm::is_even() const {
  std::map<NodeId, size_t> led_by;
  for (const NodeId id : world_.nodes()) led_by[id] = 0;
  for (const auto& [id, led] : groups_) {
    if (!led.leader) return false;
    ++led_by[led.leader];
  }
  const auto [least, most] = std::ranges::minmax_element(led_by, {}, [](const auto& node) { return node.second; });
  return groups_.size() == world_.groups() && most->second <= least->second + 1;
}

Instant Calm::settled(const Led& led) const {
  if (!led.leader) return Instant::never();
  const Instant latest = led.since + kSettlesWithin + static_cast<int64_t>(world_.groups() - 1) * kHandOverWithin;
  if (even_since_ == Instant::never()) return latest;
  return std::min(latest, std::max(led.since, even_since_) + kSettlesWithin);
}

Instant Calm::settled() const {
  Instant last{};
  for (const auto& [id, led] : groups_) last = std::max(last, settled(led));
  return groups_.empty() ? Instant::never() : last;
}

void Calm::judge(Instant sent, const Told& told, const std::string& what) {
  if (sent < settled()) return;
  const bool is_lost = told.outcome.kind == check::Outcome::Kind::kUnknown;
  if (!is_lost && !told.refusal) return;  // an error of the command itself is an answer
  world_.fail(FailureKind::kSafety,
              "in a world where nothing is wrong " + what + " is answered " +
                  (told.refusal ? "\"" + std::string(kv::name_of(*told.refusal)) + "\"" : "not at all"));
}

}  // namespace torc::sim
