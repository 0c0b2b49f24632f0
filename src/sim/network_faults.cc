// What the nemesis does to connections.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "sim/nemesis.h"

namespace torc::sim {
namespace {

constexpr uint64_t kThinnest = 250'000;  // bytes per second: 2 Mbit/s

CutMode draw_cut_mode(Prng& prng) { return prng.chance(1, 3) ? CutMode::kHold : CutMode::kLose; }

}  // namespace

bool Nemesis::cause_network(Fault fault, Prng& prng) {
  const NodeId a = draw_node(prng);
  const NodeId b = draw_node(prng);
  const bool is_pair = a != b;
  NetworkOptions disturbed = calm_network_;
  if (fault == Fault::kSplit) {
    std::vector<NodeId> side;
    for (const NodeId id : world_.nodes()) {
      if (prng.chance(1, 2)) side.push_back(id);
    }
    return split(side, prng);
  } else if (fault == Fault::kIsolateLeader) {
    return split({leader_or_any(prng)}, prng);
  } else if (fault == Fault::kPartialSplit) {
    std::vector<Pair> directions;
    for (const NodeId from : world_.nodes()) {
      for (const NodeId to : world_.nodes()) {
        if (from != to && prng.chance(1, 3)) directions.emplace_back(from, to);
      }
    }
    return cut_for_a_while(std::move(directions), prng);
  } else if (fault == Fault::kOneWay && is_pair) {
    return cut_for_a_while({{a, b}}, prng);
  } else if (fault == Fault::kChain && is_pair) {
    return cut_for_a_while({{a, b}, {b, a}}, prng);
  } else if (fault == Fault::kReset && is_pair) {
    world_.network().reset(a, b, static_cast<env::Channel>(prng.below(2)));
  } else if (fault == Fault::kFlappingLink && is_pair) {
    const Instant end = world_.queue().now() + draw_length(prng);
    flap(a, b, prng.fork(), end);
  } else if (fault == Fault::kSlowLink && is_pair) {
    world_.network().slow_link(a, b, Duration(prng.between(10'000'000, 600'000'000)));
    later(draw_length(prng), [this, a, b] { world_.network().slow_link(a, b, 0ns); });
  } else if (fault == Fault::kThinLink && is_pair) {
    const Bandwidth thin{prng.between(kThinnest, 20 * kThinnest), Duration(prng.below(100'000'000))};
    world_.network().thin_link(a, b, thin);
    later(draw_length(prng), [this, a, b] { world_.network().thin_link(a, b, calm_network_.bandwidth); });
  } else if (fault == Fault::kBadNetwork) {
    disturbed.loss_per_million = static_cast<uint32_t>(prng.below(200'000));
    disturbed.slow_per_million = static_cast<uint32_t>(prng.below(500'000));
    disturbed.slow_max = Duration(prng.between(10'000'000, 500'000'000));
    disturb_network(disturbed, prng);
  } else if (fault == Fault::kOvertaking) {
    disturbed.overtake_per_million = static_cast<uint32_t>(prng.below(500'000));
    disturbed.duplicate_per_million = static_cast<uint32_t>(prng.below(200'000));
    disturb_network(disturbed, prng);
  } else {
    return false;  // a pair of one node and itself
  }
  return true;
}

void Nemesis::disturb_network(NetworkOptions disturbed, Prng& prng) {
  world_.network().set_options(disturbed);
  later(draw_length(prng), [this] { world_.network().set_options(calm_network_); });
}

bool Nemesis::cut_for_a_while(std::vector<Pair> directions, Prng& prng) {
  if (directions.empty()) return false;
  const CutMode mode = draw_cut_mode(prng);
  for (const auto& [from, to] : directions) world_.network().cut(from, to, mode);
  later(draw_length(prng), [this, directions = std::move(directions)] {
    for (const auto& [from, to] : directions) world_.network().heal(from, to);
  });
  return true;
}

bool Nemesis::split(const std::vector<NodeId>& side, Prng& prng) {
  const auto is_in = [&](NodeId id) { return std::find(side.begin(), side.end(), id) != side.end(); };
  std::vector<Pair> directions;
  for (const NodeId a : world_.nodes()) {
    for (const NodeId b : world_.nodes()) {
      if (is_in(a) != is_in(b)) directions.emplace_back(a, b);
    }
  }
  return cut_for_a_while(std::move(directions), prng);
}

void Nemesis::flap(NodeId a, NodeId b, Prng prng, Instant end) {
  const CutMode mode = draw_cut_mode(prng);
  world_.network().cut(a, b, mode);
  world_.network().cut(b, a, mode);
  const Duration down(prng.between(5'000'000, 400'000'000));
  const Duration up(prng.between(5'000'000, 400'000'000));
  later(down, [this, a, b] {
    world_.network().heal(a, b);
    world_.network().heal(b, a);
  });
  if (world_.queue().now() + down + up > end) return;
  later(down + up, [this, a, b, prng, end] { flap(a, b, prng, end); });
}

}  // namespace torc::sim
