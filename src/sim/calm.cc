#include "sim/calm.h"

namespace torc::sim {
namespace {

/// The first elections may be contested, and who meets whom first is chance.
constexpr Duration kSettlesWithin = 4s;

}  // namespace

void Calm::after_turn(NodeId id) {
  for (const node::GroupStatus& group : world_.status_after_turn(id).groups) {
    const bool leads = group.replica.role == consensus::Role::kLeader;
    const bool has_changed = leader_ && (observer_.leaderships() != leaderships_ || (id == leader_ && !leads));
    if (has_changed && is_settled()) {
      world_.fail(FailureKind::kSafety, "leadership changed hands in a world where nothing is wrong: node " +
                                            std::to_string(leader_.value) + " led, now node " +
                                            std::to_string(id.value) + " is " +
                                            std::string(consensus::to_string(group.replica.role)) + " of term " +
                                            std::to_string(group.replica.term.value));
    }
    if (has_changed) leader_ = NodeId();
    if (leader_ || !leads || !group.replica.has_lease) continue;
    leader_ = id;
    leaderships_ = observer_.leaderships();
    settled_ = world_.queue().now() + kSettlesWithin;
  }
}

void Calm::judge(Instant sent, const Told& told, const std::string& what) {
  if (!leader_ || sent < settled_) return;
  const bool is_lost = told.outcome.kind == check::Outcome::Kind::kUnknown;
  if (!is_lost && !told.refusal) return;  // an error of the command itself is an answer
  world_.fail(FailureKind::kSafety,
              "in a world where nothing is wrong " + what + " is answered " +
                  (told.refusal ? "\"" + std::string(kv::name_of(*told.refusal)) + "\"" : "not at all"));
}

}  // namespace torc::sim
