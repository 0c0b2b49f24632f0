#include "explore/safety.h"

#include <algorithm>
#include <bit>
#include <sstream>

namespace torc::explore {
namespace {

using consensus::Role;

template <typename... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

std::string election_safety(Past& past, const Actor& actor) {
  if (actor.status.role != Role::kLeader) return {};
  uint8_t& leader = past.leaders[actor.status.term.value];
  const auto self = static_cast<uint8_t>(actor.position + 1);
  if (leader != 0 && leader != self) {
    return text("election safety: replicas ", int{leader}, " and ", int{self}, " led term ", actor.status.term);
  }
  leader = self;
  return {};
}

std::string state_machine_safety(Past& past, const Actor& actor) {
  const uint64_t acknowledged = actor.acknowledged.value;
  for (uint64_t i = 0; i < acknowledged; ++i) {
    if (i >= actor.log.size()) return text("committed ", i + 1, " beyond the log");
    if (i < past.committed_count) {
      if (past.committed[i] != actor.log[i]) return text("state machine safety: two committed entries ", i + 1);
      continue;
    }
    past.committed[i] = actor.log[i];
    past.committed_in[i] = static_cast<uint8_t>(actor.status.term.value);
    ++past.committed_count;
  }
  return {};
}

std::string log_matching(const World& world, const Actor& actor, const Cast& cast) {
  for (uint64_t other = 0; other < cast.config().replicas; ++other) {
    const std::vector<uint32_t>& theirs = cast.actor(world.actors[other]).log;
    bool must_match = false;
    for (size_t i = std::min(theirs.size(), actor.log.size()); i > 0; --i) {
      must_match |= cast.term_of(theirs[i - 1]) == cast.term_of(actor.log[i - 1]);
      if (must_match && theirs[i - 1] != actor.log[i - 1]) {
        return text("log matching: replicas ", other + 1, " and ", actor.position + 1, " differ at ", i);
      }
    }
  }
  return {};
}

std::string leader_completeness(const World& world, const Cast& cast) {
  const Past& past = world.past;
  for (uint64_t r = 0; r < cast.config().replicas; ++r) {
    const Actor& leader = cast.actor(world.actors[r]);
    if (leader.status.role != Role::kLeader) continue;
    for (size_t i = 0; i < past.committed_count; ++i) {
      if (past.committed_in[i] >= leader.status.term.value) continue;
      if (i >= leader.log.size() || leader.log[i] != past.committed[i]) {
        return text("leader completeness: the leader of term ", leader.status.term, " lacks committed entry ", i + 1);
      }
    }
  }
  return {};
}

bool is_majority(unsigned holders, unsigned voters) {
  return voters == 0 || std::popcount(holders & voters) * 2 > std::popcount(voters);
}

// Stronger than the promise at the moment of the answer: a majority never loses it again. It is a majority of the
// voters in force at the entry: whoever leads later under another configuration commits it only with theirs too, or has
// committed that one with theirs. A joint configuration itself needs both majorities.
std::string durability(const World& world, const Cast& cast) {
  VoterSets in_force = cast.birth();
  for (size_t i = 0; i < world.past.committed_count; ++i) {
    unsigned holders = 0;
    for (uint64_t r = 0; r < cast.config().replicas; ++r) {
      const std::vector<uint32_t>& durable = cast.actor(world.actors[r]).durable;
      if (i < durable.size() && durable[i] == world.past.committed[i]) holders |= 1u << r;
    }
    const VoterSets* configuration = cast.configuration_in(world.past.committed[i]);
    if (configuration) in_force = *configuration;
    if (!is_majority(holders, in_force.voters) || (configuration && !is_majority(holders, in_force.outgoing))) {
      return text("durability: committed entry ", i + 1, " is on ", std::popcount(holders), " of ",
                  cast.config().replicas, " disks");
    }
  }
  return {};
}

// Who has a lease may answer reads alone: nobody else may have committed anything it does not know of.
std::string leases(const World& world, const Cast& cast) {
  for (uint64_t r = 0; r < cast.config().replicas; ++r) {
    const consensus::ReplicaStatus& status = cast.actor(world.actors[r]).status;
    if (status.has_lease && status.commit.value < world.past.committed_count) {
      return text("stale lease: replica ", r + 1, " knows of ", status.commit, " of ", int{world.past.committed_count},
                  " committed entries");
    }
  }
  return {};
}

std::string reads(const Past& past, const Step& step) {
  for (const consensus::ReadOutcome& read : step.reads) {
    if (read.index && read.index->value < past.read_floors[read.token]) {
      return text("stale read: served at ", *read.index, ", ", int{past.read_floors[read.token]},
                  " was committed when it was asked for");
    }
    if (read.index && read.index->value > past.committed_count) return "read of what is not committed";
  }
  return {};
}

}  // namespace

std::string observe(World& world, uint8_t position, const Step& step, const Cast& cast) {
  const Actor& actor = cast.actor(world.actors[position]);
  if (!step.wrong.empty()) return step.wrong;
  if (!actor.wrong.empty()) return actor.wrong;
  if (std::string wrong = election_safety(world.past, actor); !wrong.empty()) return wrong;
  if (std::string wrong = state_machine_safety(world.past, actor); !wrong.empty()) return wrong;
  if (std::string wrong = log_matching(world, actor, cast); !wrong.empty()) return wrong;
  if (std::string wrong = leader_completeness(world, cast); !wrong.empty()) return wrong;
  if (std::string wrong = durability(world, cast); !wrong.empty()) return wrong;
  if (std::string wrong = leases(world, cast); !wrong.empty()) return wrong;
  return reads(world.past, step);
}

}  // namespace torc::explore
