#include "sim/profile.h"

#include <algorithm>
#include <iterator>

#include "kv/entry.h"

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

/// From the 2 Mbit/s of a bad line to the gigabit of a machine room, each magnitude alike.
Bandwidth draw_bandwidth(Prng& prng) {
  constexpr uint64_t kMegabit = 1'000'000 / 8;
  constexpr uint64_t kMegabits[] = {2, 5, 10, 20, 50, 100, 200, 500, 1000, 1000, 1000};
  Bandwidth bandwidth;
  bandwidth.bytes_per_second = kMegabits[prng.below(std::size(kMegabits))] * kMegabit;
  bandwidth.buffer = draw_ms(prng, 0, 40);
  return bandwidth;
}

/// Most machines are as fast as the one that was measured; here and there one is slower, or all of them are.
std::vector<uint32_t> draw_slowness(Prng& prng, size_t count) {
  std::vector<uint32_t> slowness(count, 1);
  const uint64_t kind = prng.below(4);
  if (kind == 0) slowness[prng.below(count)] = static_cast<uint32_t>(prng.between(2, 20));
  if (kind == 1) {
    for (uint32_t& times : slowness) times = static_cast<uint32_t>(prng.between(1, 20));
  }
  return slowness;
}

node::NodeOptions draw_node(Prng& prng) {
  node::NodeOptions node;
  node.command_timeout = draw_ms(prng, 800, 4'000);
  // Small enough that a run of some seconds cuts its log and changes segments many times.
  node.checkpoint_log_bytes = prng.between(2'000, 100'000);
  node.log.segment_bytes = prng.between(8, 256) * 1024;
  node.log.reserve_bytes = 256u << 10;
  node.batch_bytes_max = prng.between(200, 20'000);
  node.proposals_in_flight_max = prng.between(1, 4);
  node.chapter_interval = draw_ms(prng, 200, 10'000);
  // In most worlds who was away for a second gets a snapshot.
  Prng apart(node.checkpoint_log_bytes);
  if (apart.chance(1, 4)) node.batch_bytes_max = 1u << 20;  // a server's
  if (apart.chance(2, 3)) {
    node.checkpoint_log_bytes = apart.between(1'000, 4'000);
    node.log_tail_bytes = apart.below(2'000);
  }
  return node;
}

/// What this hardware handles without holding up heartbeats for long, a tenth of a second of its slowest CPU, and
/// carries within `on_wire`.
uint64_t comfortable_bytes(const WorldOptions& world, Duration on_wire) {
  const uint32_t slowest = *std::ranges::max_element(world.slowness);
  const auto work_ns = static_cast<uint64_t>((slowest * handling_time(1u << 20)).count());
  const uint64_t carried =
      world.network.bandwidth.bytes_per_second / 1000 * static_cast<uint64_t>(on_wire / Duration(1ms));
  return std::min(carried, 100'000'000 * (uint64_t{1} << 20) / work_ns);
}

/// A large world costs as much as hundreds of small ones, so it is seldom.
SizeOptions draw_sizes(Prng& prng, const WorldOptions& world) {
  SizeOptions sizes;
  const uint64_t kind = prng.below(32);
  sizes.budget_bytes = kind == 0 ? 300u << 20 : kind < 4 ? 40u << 20 : kind < 16 ? 4u << 20 : 256u << 10;
  // Whoever buys a thin wire sends little; now and then somebody does not care.
  const uint64_t comfortable = prng.chance(1, 8) ? kv::kValueBytesMax : comfortable_bytes(world, 250ms);
  sizes.value_bytes_max = std::min({sizes.budget_bytes / 4, uint64_t{kv::kValueBytesMax}, comfortable});
  sizes.budget_bytes = std::min(sizes.budget_bytes, 100 * comfortable);
  sizes.large_per_mille = static_cast<uint32_t>(prng.between(5, 100));
  if (prng.chance(1, 2)) sizes.bundle_keys_max = uint64_t{1} << prng.between(1, 13);
  if (sizes.bundle_keys_max == 1u << 13) sizes.bundle_keys_max = 10'000;
  if (prng.chance(1, 2)) sizes.pipeline_max = prng.between(2, 2000);
  if (prng.chance(1, 2)) sizes.herd_bytes_max = sizes.budget_bytes / 4;
  sizes.has_probes = prng.chance(1, 2);
  return sizes;
}

/// Nothing goes wrong, on whatever hardware was drawn. It is used within what it can do, by people who wait.
void calm_down(Prng& prng, Profile& profile) {
  profile.is_calm = true;
  profile.faults.weights = {};
  profile.world.network.loss_per_million = 0;
  profile.world.is_upgrading = false;
  // Somebody sets the clocks now and then: a leader whose clock is seconds away from the others' hands over.
  for (ClockOptions& clock : profile.world.clocks) clock.drift_ppm /= 100;
  const bool has_slow_disks = prng.chance(1, 3);
  if (has_slow_disks) {
    profile.world.disk.delay_min = draw_ms(prng, 50, 200);
    profile.world.disk.delay_max = profile.world.disk.delay_min + draw_ms(prng, 50, 800);
  }
  profile.world.node.command_timeout = 20s;
  profile.world.node.batch_bytes_max = 1u << 20;  // tiny ones and slow disks together serve a command per second
  profile.workload.client.timeout = 30s;
  SizeOptions& sizes = profile.workload.sizes;
  const uint64_t comfortable = comfortable_bytes(profile.world, 250ms);
  sizes.value_bytes_max = std::min(sizes.value_bytes_max, comfortable);
  sizes.budget_bytes = std::min<uint64_t>(sizes.budget_bytes, 40u << 20);
  sizes.bytes_per_second = comfortable;
  sizes.herd_bytes_max = std::min(sizes.herd_bytes_max, comfortable);
  if (has_slow_disks || prng.chance(1, 2)) return;
  // One value takes a wire for several election timeouts: heartbeats do not wait behind it (rules.md#two-connections).
  sizes.budget_bytes = std::max<uint64_t>(sizes.budget_bytes, 4u << 20);
  sizes.value_bytes_max = std::min(sizes.budget_bytes / 4, comfortable_bytes(profile.world, 2s));
  sizes.pipeline_max = 0;  // each of a pipeline's commands may read such a value
}

}  // namespace

Profile draw_profile(Prng& prng, size_t node_count, bool is_calm) {
  Profile profile;
  profile.world.clocks = draw_clocks(prng, node_count);
  profile.world.network = draw_network(prng);
  profile.world.network.bandwidth = draw_bandwidth(prng);
  profile.world.slowness = draw_slowness(prng, node_count);
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
                                Fault::kBadCheckpoint, Fault::kOldCopy, Fault::kLoseReplica}) {
    uint32_t& weight = profile.faults.weights[static_cast<size_t>(destroyer)];
    weight = std::min<uint32_t>(weight, 1);
  }
  profile.faults.pause_between_max = draw_ms(prng, 300, 4'000);
  profile.faults.fault_length_max = draw_ms(prng, 500, 6'000);

  profile.workload.think_max = draw_ms(prng, 10, 200);
  profile.workload.reads_per_mille = static_cast<uint32_t>(prng.between(150, 700));
  profile.workload.session_clients = prng.below(profile.workload.clients + 1);
  profile.workload.client.timeout = draw_ms(prng, 500, 4'000);
  profile.workload.sizes = draw_sizes(prng, profile.world);
  if (prng.chance(1, 8) || is_calm) calm_down(prng, profile);
  return profile;
}

}  // namespace torc::sim
