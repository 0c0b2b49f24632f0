#include "sim/nemesis.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace torc::sim {

std::string_view to_string(Fault fault) {
  switch (fault) {
    case Fault::kKillOne:
      return "kill one";
    case Fault::kKillLeader:
      return "kill the leader";
    case Fault::kKillAll:
      return "kill all";
    case Fault::kPauseOne:
      return "pause one";
    case Fault::kPauseLeader:
      return "pause the leader";
    case Fault::kSplit:
      return "split";
    case Fault::kIsolateLeader:
      return "isolate the leader";
    case Fault::kOneWay:
      return "cut one way";
    case Fault::kChain:
      return "cut one pair";
    case Fault::kReset:
      return "reset a connection";
    case Fault::kSlowDisk:
      return "slow disk";
    case Fault::kFullDisk:
      return "full disk";
    case Fault::kWallJump:
      return "wall clock jump";
    case Fault::kBadNetwork:
      return "bad network";
    case Fault::kWipe:
      return "lose a directory";
    case Fault::kHandOver:
      return "hand leadership over";
  }
  return "?";
}

Nemesis::Nemesis(World& world, const Observer& observer, Prng prng, const NemesisOptions& options,
                 const NetworkOptions& calm_network)
    : world_(world), observer_(observer), prng_(prng), options_(options), calm_network_(calm_network) {}

void Nemesis::start() {
  is_active_ = true;
  strike_later();
}

void Nemesis::strike_later() {
  const auto wait = prng_.between(10'000'000, static_cast<uint64_t>(options_.pause_between_max.count()));
  world_.queue().schedule(Duration(wait), [this] {
    if (!is_active_) return;
    strike();
    strike_later();
  });
}

void Nemesis::later(Duration delay, std::function<void()> repair) {
  world_.queue().schedule(delay, [this, repair = std::move(repair)] {
    if (is_active_) repair();
  });
}

void Nemesis::strike() {
  const uint64_t sum = std::accumulate(options_.weights.begin(), options_.weights.end(), uint64_t{0});
  if (sum == 0) return;
  uint64_t drawn = prng_.below(sum);
  for (size_t i = 0; i < kFaultCount; ++i) {
    if (drawn < options_.weights[i]) {
      const auto fault = static_cast<Fault>(i);
      ++faults_;
      ++faults_by_kind_[i];
      world_.trace().note(world_.queue().now(), NodeId(), TraceKind::kPhase, i,
                          [&] { return "fault: " + std::string(to_string(fault)); });
      return cause(fault);
    }
    drawn -= options_.weights[i];
  }
}

void Nemesis::cause(Fault fault) {
  const Death death = prng_.chance(1, 2) ? Death::kKill : Death::kPowerLoss;
  switch (fault) {
    case Fault::kKillOne:
      return kill_for_a_while(draw_node(), death);
    case Fault::kKillLeader:
      return kill_for_a_while(leader_or_any(), death);
    case Fault::kKillAll:
      for (const NodeId id : world_.nodes()) kill_for_a_while(id, Death::kPowerLoss);
      return;
    case Fault::kPauseOne:
      return pause_for_a_while(draw_node());
    case Fault::kPauseLeader:
      return pause_for_a_while(leader_or_any());
    case Fault::kSplit: {
      std::vector<NodeId> side;
      for (const NodeId id : world_.nodes()) {
        if (prng_.chance(1, 2)) side.push_back(id);
      }
      return split(side);
    }
    case Fault::kIsolateLeader:
      return split({leader_or_any()});
    case Fault::kOneWay:
    case Fault::kChain: {
      const NodeId a = draw_node();
      const NodeId b = draw_node();
      if (a == b) return;
      world_.network().cut(a, b, draw_cut_mode());
      if (fault == Fault::kChain) world_.network().cut(b, a, draw_cut_mode());
      return later(draw_length(), [this] { world_.network().heal_all(); });
    }
    case Fault::kReset: {
      const NodeId a = draw_node();
      const NodeId b = draw_node();
      if (a != b) world_.network().reset(a, b, static_cast<env::Channel>(prng_.below(2)));
      return;
    }
    case Fault::kSlowDisk: {
      const NodeId id = draw_node();
      world_.slow_disk(id, Duration(prng_.between(1'000'000, 300'000'000)));
      return later(draw_length(), [this, id] { world_.slow_disk(id, 0ns); });
    }
    case Fault::kFullDisk: {
      const NodeId id = draw_node();
      world_.fill_disk(id, prng_.below(8192));
      return later(draw_length(), [this, id] { world_.empty_disk(id); });
    }
    case Fault::kWallJump: {
      const auto by = static_cast<int64_t>(prng_.below(20'000'000'000)) - 10'000'000'000;
      return world_.jump_wall_clock(draw_node(), Duration(by));
    }
    case Fault::kBadNetwork: {
      NetworkOptions bad = calm_network_;
      bad.loss_per_million = static_cast<uint32_t>(prng_.below(200'000));
      bad.slow_per_million = static_cast<uint32_t>(prng_.below(500'000));
      bad.slow_max = Duration(prng_.between(10'000'000, 500'000'000));
      world_.network().set_options(bad);
      return later(draw_length(), [this] { world_.network().set_options(calm_network_); });
    }
    case Fault::kWipe:
      return lose_directories();
    case Fault::kHandOver: {
      const NodeId id = leader_or_any();
      return world_.post_from_client(id, [this, id] {
        if (world_.node(id) != nullptr) world_.node(id)->hand_over();
      });
    }
  }
}

void Nemesis::kill_for_a_while(NodeId id, Death death) {
  if (!world_.is_alive(id)) return;
  world_.kill(id, death);
  // Shorter than the pause between faults at times, so that restarts under load are common.
  later(draw_length() / 2, [this, id] {
    if (!world_.is_alive(id)) world_.start(id);
  });
}

void Nemesis::pause_for_a_while(NodeId id) {
  if (world_.is_paused(id)) return;
  world_.pause(id);
  later(draw_length(), [this, id] { world_.resume(id); });
}

void Nemesis::split(const std::vector<NodeId>& side) {
  const CutMode mode = draw_cut_mode();
  const auto is_in = [&](NodeId id) { return std::find(side.begin(), side.end(), id) != side.end(); };
  for (const NodeId a : world_.nodes()) {
    for (const NodeId b : world_.nodes()) {
      if (is_in(a) != is_in(b)) world_.network().cut(a, b, mode);
    }
  }
  later(draw_length(), [this] { world_.network().heal_all(); });
}

/// Every node is a voter in its present life and a leader knows that to be committed: only then do those who are left
/// when a minority loses its data hold everything, and reach the decisions that bring the lost ones back.
bool Nemesis::is_whole() const {
  const auto is_settled_at = [&](NodeId id) {
    const node::Node* node = world_.is_paused(id) ? nullptr : world_.node(id);
    const consensus::Replica* replica = node == nullptr ? nullptr : node->replica(GroupId(1));
    if (replica == nullptr || !node->status().groups[0].replica.has_lease) return false;
    if (!replica->is_configuration_settled()) return false;
    return std::ranges::all_of(replica->configuration().voters, [&](consensus::ReplicaId voter) {
      const node::Node* member = world_.node(voter.node);
      return member != nullptr && member->status().incarnation == voter.incarnation;
    });
  };
  return std::ranges::any_of(world_.nodes(), is_settled_at);
}

void Nemesis::lose_directories() {
  if (world_.nodes().size() < 3 || !is_whole()) return;
  std::vector<NodeId> nodes = world_.nodes();
  std::rotate(nodes.begin(), nodes.begin() + static_cast<ptrdiff_t>(prng_.below(nodes.size())), nodes.end());
  nodes.resize(1 + prng_.below((nodes.size() - 1) / 2));
  for (const NodeId id : nodes) {
    world_.kill(id, Death::kPowerLoss);
    world_.wipe(id);
    later(draw_length() / 2, [this, id] {
      if (!world_.is_alive(id)) world_.start(id);
    });
  }
}

void Nemesis::stop_and_heal() {
  is_active_ = false;
  world_.network().heal_all();
  world_.network().set_options(calm_network_);
  for (const NodeId id : world_.nodes()) {
    world_.slow_disk(id, 0ns);
    world_.empty_disk(id);
    if (world_.is_paused(id)) world_.resume(id);
    if (!world_.is_alive(id)) world_.start(id);
  }
}

NodeId Nemesis::draw_node() { return world_.nodes()[prng_.below(world_.nodes().size())]; }

NodeId Nemesis::leader_or_any() { return observer_.latest_leader() ? observer_.latest_leader() : draw_node(); }

CutMode Nemesis::draw_cut_mode() { return prng_.chance(1, 3) ? CutMode::kHold : CutMode::kLose; }

Duration Nemesis::draw_length() {
  // Short faults are common: they meet elections and handshakes half way.
  const uint64_t longest = static_cast<uint64_t>(options_.fault_length_max.count()) >> prng_.below(4);
  return Duration(prng_.between(20'000'000, std::max<uint64_t>(longest, 30'000'000)));
}

}  // namespace torc::sim
