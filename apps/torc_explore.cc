// torc-explore: every world within bounds, breadth first, over the real consensus core. See docs/testing.md.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "explore/search.h"
#include "explore/walk.h"

namespace {

using torc::explore::Config;
using torc::explore::Limits;
using torc::explore::Plant;
using torc::explore::Report;

using Clock = std::chrono::steady_clock;

unsigned long long printable(uint64_t value) { return value; }

void print_level(const Report& r, Clock::time_point start) {
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::fprintf(stderr, "depth %2llu: %10llu distinct, %10llu in the frontier, %6.1f s\n", printable(r.depth),
               printable(r.distinct), printable(r.frontier), seconds);
}

void print_bounds(const Config& c) {
  std::printf(
      "bounds: %llu replicas (%llu learners, %llu spares), %llu terms, %llu proposals, %llu membership changes, "
      "%llu crashes, %llu transfers, %llu cuts, %llu reads, %llu steps of time%s%s%s%s%s%s, plant %s\n",
      printable(c.replicas), printable(c.learners), printable(c.spares), printable(c.terms_max),
      printable(c.proposals_max), printable(c.changes.size()), printable(c.crashes_max), printable(c.transfers_max),
      printable(c.cuts_max), printable(c.reads_max), printable(c.time_max), c.is_disk_slow ? "" : ", fast disks",
      c.pre_vote ? ", pre-votes" : "", c.pull ? ", pulls" : "", c.disks.empty() ? "" : ", from given disks",
      c.heartbeats ? ", heartbeats" : "", c.starts_elected ? ", from an elected leader" : "",
      std::string(to_string(c.plant)).c_str());
}

void print_end(const Report& r, Clock::time_point start) {
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf(
      "explored %llu worlds (%llu distinct up to symmetry, %llu steps) to depth %llu, %llu left in the frontier; "
      "%llu states of single replicas, %llu messages, %llu histories compared; %.1f s\n",
      printable(r.expanded), printable(r.distinct), printable(r.steps), printable(r.depth), printable(r.frontier),
      printable(r.replica_states), printable(r.messages), printable(r.histories_compared), seconds);
}

void print_walks(const Report& r, Clock::time_point start) {
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("walked %llu times, %llu steps, at most %llu in one; %llu states of single replicas; %.1f s\n",
              printable(r.walks), printable(r.steps), printable(r.depth), printable(r.replica_states), seconds);
}

int verdict(const Report& report, const char* otherwise) {
  if (report.violation.empty()) {
    std::printf("%s\n", otherwise);
    return 0;
  }
  std::printf("VIOLATION after %zu actions: %s\n", report.trace.size(), report.violation.c_str());
  for (size_t i = 0; i < report.trace.size(); ++i) std::printf("%4zu. %s\n", i + 1, report.trace[i].c_str());
  return 3;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Explores every world of a few replicas of the real consensus core, breadth first.\n"
      "Exit codes: 0 no violation, 2 usage, 3 violation (with a shortest trace)."};
  Config config;
  Limits limits;
  std::string plant = "none";
  uint64_t seconds = 60;
  bool is_asymmetric = false;
  bool is_diverged = false;
  bool is_lagging = false;
  std::string change;
  torc::explore::WalkLimits walks;
  const auto* has_plant =
      app.add_option("--plant", plant, "Plant this bug, in the smallest world that shows it (bounds are then its own)");
  app.add_option("--replicas", config.replicas, "Voters")->check(CLI::Range(1, 5))->capture_default_str();
  app.add_option("--terms", config.terms_max, "No replica goes beyond this term")
      ->check(CLI::Range(uint64_t{1}, torc::explore::kTermsMax))
      ->capture_default_str();
  app.add_option("--proposals", config.proposals_max, "In all")->check(CLI::Range(0, 3))->capture_default_str();
  app.add_option("--crashes", config.crashes_max, "In all, each with a restart")
      ->check(CLI::Range(0, 4))
      ->capture_default_str();
  app.add_option("--change", change,
                 "A membership change, with the members it needs: " + std::string(torc::explore::kChangeNames));
  app.add_option("--transfers", config.transfers_max, "Of leadership, in all")->check(CLI::Range(0, 3));
  app.add_option("--cuts", config.cuts_max, "Of logs, in all: then snapshots are needed")->check(CLI::Range(0, 3));
  app.add_option("--time", config.time_max, "Steps of a third of the election timeout, in all: then there are leases")
      ->check(CLI::Range(uint64_t{0}, torc::explore::kTimeMax));
  app.add_option("--reads", config.reads_max, "In all (ReadIndex)")
      ->check(CLI::Range(uint64_t{0}, torc::explore::kReadsMax))
      ->capture_default_str();
  app.add_flag("!--fast-disk", config.is_disk_slow, "Writes are durable at once, unless a crash is still to come");
  app.add_flag("--pre-vote", config.pre_vote, "Campaigns start with a pre-vote");
  app.add_flag("--pull", config.pull, "Replicas pull before they vote")->needs("--pre-vote");
  app.add_flag("--diverged", is_diverged, "Start with the logs of the Raft paper's figure 8 (b), in term 2");
  app.add_flag("--lagging", is_lagging, "Start with one empty log, the others cut");
  app.add_flag("--heartbeats", config.heartbeats, "Heartbeats are not lost, and leaders send more of them");
  app.add_flag("--elected", config.starts_elected, "Start with replica 1 leading term 1");
  app.add_flag("--no-symmetry", is_asymmetric, "Tell worlds apart that differ only in who is who");
  app.add_option("--depth", limits.depth, "At most so many actions");
  app.add_option("--states", limits.states, "At most so many distinct worlds")->capture_default_str();
  app.add_option("--walk", walks.seed, "Walk at random from this seed on instead, further than every world can be met");
  app.add_option("--walks", walks.walks, "At most so many walks")->capture_default_str();
  app.add_option("--steps", walks.steps, "Of one walk")->capture_default_str();
  app.add_option("--seconds", seconds, "At most so long")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (*has_plant) {
    const std::optional<Plant> known = torc::explore::plant_of(plant);
    if (!known) {
      std::fprintf(stderr, "no such plant: %s\n", plant.c_str());
      return 2;
    }
    config = torc::explore::world_of(*known);
  }
  if (!change.empty() && !torc::explore::add_change(change, config)) {
    std::fprintf(stderr, "no such change: %s\n", change.c_str());
    return 2;
  }
  if (is_diverged) config.disks = torc::explore::figure_8_disks();
  if (is_lagging) config.disks = torc::explore::lagging_disks();
  if (!config.disks.empty() && config.replicas != 3) {
    std::fprintf(stderr, "--diverged and --lagging are about 3 replicas\n");
    return 2;
  }
  config.is_symmetric = !is_asymmetric;

  const Clock::time_point start = Clock::now();
  limits.is_over = [&] { return Clock::now() - start >= std::chrono::seconds(seconds); };
  if (walks.seed != 0) {
    walks.is_over = limits.is_over;
    const Report report = torc::explore::walk(config, walks);
    print_bounds(config);
    print_walks(report, start);
    return verdict(report, "no violation on these walks");
  }
  const Report report =
      torc::explore::explore(config, limits, [&](const Report& so_far) { print_level(so_far, start); });
  print_bounds(config);
  print_end(report, start);
  return verdict(report, report.is_complete ? "complete: no violation within these bounds"
                                            : "no violation; not complete (a limit was reached)");
}
