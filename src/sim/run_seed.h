// One seed, one world, one verdict: faults under load, then healing, then everything must work again and add up.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "base/time.h"
#include "sim/nemesis.h"
#include "sim/world.h"

namespace torc::sim {

struct SeedOptions {
  size_t nodes = 3;
  uint32_t groups = 1;  // of each node: arcs of its circle
  Duration fire = 20s;  // how long faults go on ...
  // ... and up to kFireStretch times as long, until so much has happened: idling shows nothing.
  uint64_t operations_wanted = 0;
  uint64_t faults_wanted = 0;
  /// Of the faults that would strike, by number from 1; see NemesisOptions.
  std::optional<std::set<uint64_t>> only_faults;
  bool is_calm = false;    // nothing goes wrong; false: as drawn
  bool has_bursts = true;  // as drawn; false: none, what clients see is judged by the history alone
  size_t clients = 0;      // 0: as drawn
  std::function<void(const std::string& line)> trace_sink;
  /// Told of each fault as it strikes: also known then if a CHECK ends the process.
  std::function<void(const StruckFault&)> on_fault;
  OpenNode open_node = &sim::open_node;
  // Canaries plant their bugs here; a server has no such switches.
  WrapDisk wrap_disk;
  bool clocks_count_suspended_time = true;
  std::function<void(NemesisOptions&)> adjust_faults;
};

constexpr int kFireStretch = 50;
/// A full seed has faults for so long, and longer until these minima are met; shorter ones have no minima.
constexpr int64_t kFullFireSeconds = 60;
constexpr uint64_t kFullOperations = 2'000;
constexpr uint64_t kFullFaults = 20;
/// After the healing every client must complete this many operations with a clear outcome ...
constexpr uint64_t kOperationsDemanded = 5;
/// ... within this time: some elections, a client's timeout, and retries on nodes that take no part any more. On top of
/// it comes what the wires and CPUs of this world take for what is still to be carried, kBacklogTimes over.
constexpr Duration kLivenessBound = 30s;
/// A transfer may be interrupted, by an election for example, and begin again; a lost node needs the state, then the
/// log.
constexpr int64_t kBacklogTimes = 4;

struct SeedStats {
  Duration simulated{0};
  uint64_t events = 0;
  uint64_t faults = 0;
  std::array<uint64_t, kFaultCount> faults_by_kind{};
  uint64_t operations = 0;      // with a clear outcome
  uint64_t burst_commands = 0;  // answered of those sent in bursts
  uint64_t unknown = 0;
  uint64_t refused = 0;
  uint64_t leaderships = 0;
  uint64_t entries = 0;
  uint64_t digests_compared = 0;
  uint64_t checkpoint_index = 0;
  uint64_t calm = 0;       // 1: nothing went wrong (sim/calm.h)
  uint64_t upgrading = 0;  // 1: nodes spoke different versions
  uint64_t refusals = 0;   // nodes that noticed damaged data
  uint64_t snapshots_installed = 0;
  uint64_t undecided_keys = 0;  // the checker gave up on: too many open writes
};

enum class Verdict : uint8_t { kPassed, kSafety, kLiveness };

struct Outcome {
  Verdict verdict = Verdict::kPassed;
  std::string message;
  SeedStats stats;
  Duration fire{0};  // how long faults went on
  uint64_t trace_hash = 0;
};

/// Everything about the run is drawn from the seed, the options of nodes, disks, networks and faults included. Equal
/// arguments give equal outcomes.
Outcome run_seed(uint64_t seed, const SeedOptions& options);

}  // namespace torc::sim
