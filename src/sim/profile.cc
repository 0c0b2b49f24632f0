#include "sim/profile.h"

#include <algorithm>

namespace torc::sim {
namespace {

// Clocks that differ by more than this may break leases (ReplicaOptions::lease_drift_percent is 10).
constexpr uint64_t kDriftPpmMax = 20'000;

Duration draw_ms(Prng& prng, uint64_t first, uint64_t last) { return Duration(prng.between(first, last) * 1'000'000); }

std::vector<ClockOptions> draw_clocks(Prng& prng, size_t count) {
  std::vector<ClockOptions> clocks(count);
  for (ClockOptions& clock : clocks) {
    clock.start = Instant{static_cast<int64_t>(prng.between(1, 1'000'000)) * 1'000'000'000};
    clock.drift_ppm = static_cast<int64_t>(prng.below(2 * kDriftPpmMax + 1)) - static_cast<int64_t>(kDriftPpmMax);
    clock.wall_start.ms += static_cast<int64_t>(prng.below(2'000)) - 1'000;
  }
  return clocks;
}

NetworkOptions draw_network(Prng& prng) {
  NetworkOptions network;
  network.delay_min = Duration(prng.between(10'000, 500'000));
  network.delay_max = network.delay_min + Duration(prng.between(50'000, 10'000'000));
  network.slow_per_million = static_cast<uint32_t>(prng.below(50'000));
  network.slow_max = draw_ms(prng, 5, 50);
  if (prng.chance(1, 3)) network.loss_per_million = static_cast<uint32_t>(prng.below(20'000));
  if (prng.chance(1, 3)) network.duplicate_per_million = static_cast<uint32_t>(prng.below(50'000));
  if (prng.chance(1, 3)) network.overtake_per_million = static_cast<uint32_t>(prng.below(50'000));
  return network;
}

node::NodeOptions draw_node(Prng& prng) {
  node::NodeOptions node;
  node.command_timeout = draw_ms(prng, 800, 4'000);
  // Small enough that a run of some seconds cuts its log and changes segments many times.
  node.checkpoint_log_bytes = prng.between(2'000, 100'000);
  node.log.segment_bytes = prng.between(8, 256) * 1024;
  node.batch_bytes_max = prng.between(200, 20'000);
  node.proposals_in_flight_max = prng.between(1, 4);
  node.chapter_interval = draw_ms(prng, 200, 10'000);
  // In most worlds who was away for a second gets a snapshot.
  Prng apart(node.checkpoint_log_bytes);
  if (apart.chance(2, 3)) {
    node.checkpoint_log_bytes = apart.between(1'000, 4'000);
    node.log_tail_bytes = apart.below(2'000);
  }
  return node;
}

}  // namespace

Profile draw_profile(Prng& prng, size_t node_count) {
  Profile profile;
  profile.world.clocks = draw_clocks(prng, node_count);
  profile.world.network = draw_network(prng);
  profile.world.is_upgrading = prng.chance(1, 4);
  profile.world.node = draw_node(prng);
  profile.world.disk.delay_min = Duration(prng.between(10'000, 200'000));
  profile.world.disk.delay_max = profile.world.disk.delay_min + Duration(prng.between(10'000, 20'000'000));

  // Each seed has about half of the faults: rare combinations need the common faults out of the way.
  for (uint32_t& weight : profile.faults.weights)
    weight = prng.chance(1, 2) ? static_cast<uint32_t>(prng.between(1, 10)) : 0;
  if (std::ranges::all_of(profile.faults.weights, [](uint32_t weight) { return weight == 0; })) {
    profile.faults.weights[static_cast<size_t>(Fault::kKillLeader)] = 1;
  }
  for (const Fault destroyer : {Fault::kWipe, Fault::kBitFlip, Fault::kLostWrite, Fault::kMisdirectedWrite,
                                Fault::kBadCheckpoint, Fault::kOldCopy}) {
    uint32_t& weight = profile.faults.weights[static_cast<size_t>(destroyer)];
    weight = std::min<uint32_t>(weight, 1);
  }
  profile.faults.pause_between_max = draw_ms(prng, 300, 4'000);
  profile.faults.fault_length_max = draw_ms(prng, 500, 6'000);

  profile.workload.think_max = draw_ms(prng, 10, 200);
  profile.workload.reads_per_mille = static_cast<uint32_t>(prng.between(150, 700));
  profile.workload.session_clients = prng.below(profile.workload.clients + 1);
  profile.workload.client.timeout = draw_ms(prng, 500, 4'000);
  return profile;
}

}  // namespace torc::sim
