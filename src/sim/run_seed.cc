#include "sim/run_seed.h"

#include <algorithm>
#include <utility>

#include "check/checker.h"
#include "check/drawing.h"
#include "sim/calm.h"
#include "sim/crowd.h"
#include "sim/observer.h"
#include "sim/profile.h"
#include "sim/workload.h"

namespace torc::sim {
namespace {

/// A world under load, and the phases it goes through. Each returns false when the run has failed.
class Run {
 public:
  Run(uint64_t seed, const SeedOptions& options)
      : options_(options),
        prng_(seed),
        trace_(options.trace_sink),
        profile_(drawn(options)),
        world_(profile_.world, prng_.fork(), trace_),
        observer_(world_),
        workload_(world_, prng_.fork(), profile_.workload),
        crowd_(world_, prng_.fork(), workload_.sizes()),
        nemesis_(world_, observer_, prng_.fork(), profile_.faults, profile_.world.network) {
    world_.set_observer([this](NodeId id) {
      observer_.after_turn(id);
      if (is_calm_now_) calm_.after_turn(id);
    });
    if (profile_.is_calm) {
      workload_.set_judge([this](const check::Operation& operation, std::optional<kv::Refusal> refusal) {
        const std::string what = std::string(check::name_of(operation.kind)) + " " + operation.key;
        if (is_calm_now_) calm_.judge(Instant{operation.start_ns}, {operation.outcome, refusal}, what);
      });
      crowd_.set_judge([this](Instant sent, const Told& told) {
        if (is_calm_now_) calm_.judge(sent, told, "a command of a burst");
      });
    }
    world_.set_death_listener([this](NodeId id) {
      workload_.on_node_died(id);
      crowd_.on_node_died(id);
    });
  }

  Outcome run() {
    if (under_fire() && live_again() && quiet_down() && agree() && sweep()) judge_history();
    Outcome outcome;
    if (world_.failure()) {
      outcome.verdict = world_.failure()->kind == FailureKind::kSafety ? Verdict::kSafety : Verdict::kLiveness;
      outcome.message = world_.failure()->message;
    }
    outcome.stats = stats();
    outcome.fire = fire_;
    outcome.trace_hash = trace_.hash();
    return outcome;
  }

 private:
  Profile drawn(const SeedOptions& options) {
    Profile profile = draw_profile(prng_, options.nodes, options.is_calm);
    profile.world.open_node = options.open_node;
    profile.world.node.arcs = options.groups;
    profile.world.wrap_disk = options.wrap_disk;
    for (ClockOptions& clock : profile.world.clocks) clock.counts_suspended_time = options.clocks_count_suspended_time;
    if (options.adjust_faults && !profile.is_calm) options.adjust_faults(profile.faults);
    if (!options.has_bursts) profile.workload.sizes.drop_bursts();
    profile.faults.only = options.only_faults;
    profile.faults.on_fault = options.on_fault;
    if (options.clients != 0) {
      profile.workload.clients = options.clients;
      profile.workload.session_clients = std::min(profile.workload.session_clients, options.clients);
    }
    return profile;
  }

  void phase(const std::string& name) {
    trace_.note(world_.queue().now(), NodeId(), TraceKind::kPhase, hash_bytes(name), [&] { return name; });
  }

  bool under_fire() {
    phase(profile_.is_calm ? "nothing goes wrong" : "faults begin");
    is_calm_now_ = profile_.is_calm;
    for (const NodeId id : world_.nodes()) world_.start(id);
    workload_.start();
    crowd_.start();
    nemesis_.start();
    world_.run_for(options_.fire);
    const Instant end = Instant{0} + kFireStretch * options_.fire;
    while (!world_.failure() && world_.queue().now() < end && !has_happened_enough()) world_.run_for(1s);
    fire_ = world_.queue().now() - Instant{0};
    return !world_.failure();
  }

  uint64_t faults_with_effect() const {
    return static_cast<uint64_t>(std::ranges::count_if(nemesis_.struck(), &StruckFault::has_effect));
  }

  bool has_happened_enough() const {
    const bool has_faults = profile_.is_calm || faults_with_effect() >= options_.faults_wanted;
    return workload_.completed() >= options_.operations_wanted && has_faults;
  }

  bool live_again() {
    phase("healed: everyone must get answers");
    is_calm_now_ = false;
    nemesis_.stop_and_heal();
    crowd_.stop();
    workload_.become_small();
    workload_.begin_counting();
    const bool is_live = run_until([this] { return workload_.slowest_client().second >= kOperationsDemanded; });
    if (!is_live && !world_.failure()) {
      const auto [client, count] = workload_.slowest_client();
      world_.fail(FailureKind::kLiveness, "client " + std::to_string(client) + " completed only " +
                                              std::to_string(count) + " operations after everything was healed");
    }
    return !world_.failure();
  }

  bool quiet_down() {
    workload_.stop();
    if (!run_until([this] { return workload_.is_idle(); })) {
      world_.fail(FailureKind::kLiveness, "a client's operation does not end");
    }
    return !world_.failure();
  }

  bool agree() {
    phase("quiet: everyone must agree");
    if (!run_until([this] { return observer_.difference().empty(); })) {
      world_.fail(FailureKind::kLiveness, observer_.difference());
    }
    return !world_.failure();
  }

  bool sweep() {
    phase("every key is read once more");
    workload_.start_sweep();
    if (!run_until([this] { return workload_.is_sweep_done(); })) {
      world_.fail(FailureKind::kLiveness, "keys cannot be read although all nodes run");
    }
    return !world_.failure();
  }

  void judge_history() {
    const Result<check::Report> report = check::check_history(workload_.history());
    if (!report.ok()) return world_.fail(FailureKind::kSafety, "an impossible answer: " + report.error().message);
    undecided_ = report->undecided_keys.size();
    if (report->verdict != check::Verdict::kNotLinearizable) return;
    world_.fail(FailureKind::kSafety, check::draw(workload_.history(), *report->violation));
  }

  /// What the world's hardware takes for everything that may have to be carried to one node: a state, a log, and what
  /// waits in the queues to it.
  Duration backlog_time() {
    const uint64_t bytes =
        observer_.largest_state_bytes() + observer_.largest_log_bytes() + world_.network().queued_bytes();
    const uint32_t slowest = *std::ranges::max_element(profile_.world.slowness);
    return profile_.world.network.bandwidth.time_of(bytes) + slowest * handling_time(bytes);
  }

  /// False if it does not hold within the bound, or the run fails before.
  template <typename Condition>
  bool run_until(const Condition& holds) {
    const Instant end = world_.queue().now() + kLivenessBound + kBacklogTimes * backlog_time();
    while (!world_.failure() && world_.queue().now() < end) {
      if (holds()) return true;
      world_.run_for(20ms);
    }
    return !world_.failure() && holds();
  }

  SeedStats stats() {
    SeedStats stats;
    stats.simulated = world_.queue().now() - Instant{0};
    stats.events = world_.queue().events_run();
    stats.faults = faults_with_effect();
    for (const StruckFault& fault : nemesis_.struck()) {
      if (fault.has_effect) ++stats.faults_by_kind[static_cast<size_t>(fault.kind)];
    }
    stats.upgrading = profile_.world.is_upgrading ? 1 : 0;
    stats.calm = profile_.is_calm ? 1 : 0;
    stats.refusals = world_.refusals();
    stats.operations = workload_.completed();
    stats.burst_commands = crowd_.commands_answered();
    stats.unknown = workload_.unknown();
    stats.refused = workload_.refused();
    stats.leaderships = observer_.leaderships();
    stats.entries = observer_.highest_applied().value;
    stats.digests_compared = observer_.digests_compared();
    stats.checkpoint_index = observer_.highest_checkpoint().value;
    stats.snapshots_installed = observer_.snapshots_installed();
    stats.undecided_keys = undecided_;
    return stats;
  }

  const SeedOptions& options_;
  Prng prng_;
  Trace trace_;
  Profile profile_;
  World world_;
  Observer observer_;
  Workload workload_;
  Crowd crowd_;
  Nemesis nemesis_;
  Calm calm_{world_, observer_};
  bool is_calm_now_ = false;
  Duration fire_{0};
  uint64_t undecided_ = 0;
};

}  // namespace

Outcome run_seed(uint64_t seed, const SeedOptions& options) { return Run(seed, options).run(); }

}  // namespace torc::sim
