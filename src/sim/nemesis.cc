#include "sim/nemesis.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace torc::sim {
namespace {

// A fast one, so that many runs see what follows; after the healing the liveness bound has to include it.

}  // namespace

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
  const uint64_t number = ++strikes_;
  Prng prng = prng_.fork();
  if (options_.only && !options_.only->contains(number)) return;
  uint64_t drawn = prng.below(sum);
  size_t kind = 0;
  for (; drawn >= options_.weights[kind]; ++kind) drawn -= options_.weights[kind];
  const auto fault = static_cast<Fault>(kind);
  struck_.push_back({number, fault, world_.queue().now()});
  world_.trace().note(world_.queue().now(), NodeId(), TraceKind::kFault, kind,
                      [&] { return std::to_string(number) + ": " + std::string(to_string(fault)); });
  if (options_.on_fault) options_.on_fault(struck_.back());
  struck_.back().has_effect = cause(fault, prng);
}

bool Nemesis::cause(Fault fault, Prng& prng) {
  const Death death = prng.chance(1, 2) ? Death::kKill : Death::kPowerLoss;
  switch (fault) {
    case Fault::kKillOne:
      return kill_for_a_while(draw_node(prng), death, prng);
    case Fault::kKillLeader:
      return kill_for_a_while(leader_or_any(prng), death, prng);
    case Fault::kKillAll:
      for (const NodeId id : world_.nodes()) kill_for_a_while(id, Death::kPowerLoss, prng);
      return true;
    case Fault::kPauseOne:
      return pause_for_a_while(draw_node(prng), prng);
    case Fault::kPauseLeader:
      return pause_for_a_while(leader_or_any(prng), prng);
    case Fault::kHandOver:
      return hand_over(leader_or_any(prng));
    case Fault::kWallJump: {
      // Most clocks are set right by seconds; some were wrong by hours, or follow a daylight that nobody told them of;
      // some lost their battery, or were typed in with a wrong year.
      constexpr int64_t kYear = 365 * 24 * 3'600;
      const int64_t unit = !prng.chance(1, 3) ? 1 : prng.chance(1, 3) ? kYear : 3'600;
      const auto by = static_cast<int64_t>(prng.below(20'000'000'000)) - 10'000'000'000;
      world_.jump_wall_clock(draw_node(prng), Duration(by * unit));
      return true;
    }
    case Fault::kSplit:
    case Fault::kIsolateLeader:
    case Fault::kOneWay:
    case Fault::kChain:
    case Fault::kReset:
    case Fault::kBadNetwork:
    case Fault::kPartialSplit:
    case Fault::kFlappingLink:
    case Fault::kSlowLink:
    case Fault::kOvertaking:
    case Fault::kThinLink:
      return cause_network(fault, prng);
    case Fault::kSlowCpu:
      return slow_cpu_for_a_while(draw_node(prng), prng);
    case Fault::kSlowDisk:
    case Fault::kFullDisk:
    case Fault::kWipe:
    case Fault::kFailedSync:
    case Fault::kBitFlip:
    case Fault::kLostWrite:
    case Fault::kMisdirectedWrite:
    case Fault::kBadCheckpoint:
    case Fault::kOldCopy:
    case Fault::kLoseReplica:
      return cause_disk(fault, prng);
  }
  return false;
}

bool Nemesis::kill_for_a_while(NodeId id, Death death, Prng& prng) {
  if (!world_.is_alive(id)) return false;
  world_.kill(id, death);
  // Shorter than the pause between faults at times, so that restarts under load are common; now and then so long that
  // the others cut their logs meanwhile.
  const int64_t halves = prng.chance(1, 6) ? 8 : 1;
  later(draw_length(prng) / 2 * halves, [this, id] { bring_up(id); });
  return true;
}

bool Nemesis::pause_for_a_while(NodeId id, Prng& prng) {
  if (!world_.is_alive(id) || world_.is_paused(id)) return false;
  world_.pause(id);
  later(draw_length(prng), [this, id] { world_.resume(id); });
  return true;
}

bool Nemesis::slow_cpu_for_a_while(NodeId id, Prng& prng) {
  world_.slow_cpu(id, static_cast<uint32_t>(prng.between(2, 20)));
  later(draw_length(prng), [this, id] { world_.slow_cpu(id, 1); });
  return true;
}

bool Nemesis::hand_over(NodeId id) {
  if (!world_.is_alive(id)) return false;
  world_.post_from_client(id, [this, id] {
    if (world_.node(id) != nullptr) world_.node(id)->hand_over();
  });
  return true;
}

void Nemesis::bring_up(NodeId id) {
  if (!world_.is_alive(id)) world_.start(id);
}

void Nemesis::stop_and_heal() {
  is_active_ = false;
  world_.network().heal_all();
  world_.network().set_options(calm_network_);
  for (const NodeId id : world_.nodes()) {
    world_.slow_cpu(id, 1);
    world_.slow_disk(id, 0ns);
    world_.give_disk_space(id);
    if (world_.is_paused(id)) world_.resume(id);
    bring_up(id);
  }
}

NodeId Nemesis::draw_node(Prng& prng) { return world_.nodes()[prng.below(world_.nodes().size())]; }

NodeId Nemesis::leader_or_any(Prng& prng) {
  const NodeId any = draw_node(prng);
  return observer_.latest_leader() ? observer_.latest_leader() : any;
}

Duration Nemesis::draw_length(Prng& prng) {
  // Short faults are common: they meet elections and handshakes half way.
  const uint64_t longest = static_cast<uint64_t>(options_.fault_length_max.count()) >> prng.below(4);
  return Duration(prng.between(20'000'000, std::max<uint64_t>(longest, 30'000'000)));
}

}  // namespace torc::sim
