#include "sim/calm.h"

#include <algorithm>

namespace torc::sim {
namespace {

/// The first elections may be contested, and who meets whom first is chance.
constexpr Duration kSettlesWithin = 4s;
/// Leaderships of several groups are spread over the nodes one after the other (node/leadership_balance.h).
constexpr Duration kSettlesWithinPerGroup = 1s;

}  // namespace

void Calm::after_turn(NodeId id) {
  for (const node::GroupStatus& group : world_.status_after_turn(id).groups) {
    Led& led = groups_[group.group];
    const bool leads = group.replica.role == consensus::Role::kLeader;
    const uint64_t leaderships = observer_.leaderships_of(group.group);
    const bool has_changed = led.leader && (leaderships != led.leaderships || (id == led.leader && !leads));
    if (has_changed && world_.queue().now() >= led.settled) {
      world_.fail(FailureKind::kSafety, "leadership changed hands in a world where nothing is wrong: node " +
                                            std::to_string(led.leader.value) + " led, now node " +
                                            std::to_string(id.value) + " is " +
                                            std::string(consensus::to_string(group.replica.role)) + " of term " +
                                            std::to_string(group.replica.term.value));
    }
    if (has_changed) led = {};
    if (led.leader || !leads || !group.replica.has_lease) continue;
    const auto others = static_cast<int64_t>(world_.groups() - 1);
    led = {id, leaderships, world_.queue().now() + kSettlesWithin + others * kSettlesWithinPerGroup};
  }
}

Instant Calm::settled() const {
  Instant last{};
  for (const auto& [id, led] : groups_) last = std::max(last, led.settled);
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
