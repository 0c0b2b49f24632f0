// torc-sim: whole clusters in one process, by seed. See docs/testing.md.
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "sim/campaign_text.h"
#include "sim/shrink.h"

namespace {

using torc::sim::CampaignEnd;
using torc::sim::CampaignReport;
using torc::sim::name_of;

int exit_code(CampaignEnd end) {
  switch (end) {
    case CampaignEnd::kPassed:
      return 0;
    case CampaignEnd::kSafety:
      return 3;
    case CampaignEnd::kLiveness:
      return 4;
    case CampaignEnd::kNondeterminism:
      return 5;
  }
  return 3;
}

double seconds(torc::Duration duration) { return std::chrono::duration<double>(duration).count(); }

/// Of this process and of those it has waited for.
double cpu_seconds() {
  double sum = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    if (::getrusage(who, &usage) != 0) continue;
    for (const timeval& time : {usage.ru_utime, usage.ru_stime}) {
      sum += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    }
  }
  return sum;
}

/// The last line of every failure.
void print_failure(CampaignEnd end, uint64_t seed, const std::string& message, const torc::sim::SeedOptions& options) {
  std::printf("%s, seed %llu: %s\n", name_of(end), static_cast<unsigned long long>(seed), message.c_str());
  if (end != CampaignEnd::kNondeterminism && !options.only_faults) {
    std::printf("%s --shrink   # fewer faults, the same failure\n", command_of(seed, options).c_str());
  }
  std::printf("%s --trace\n", command_of(seed, options).c_str());
}

int shrink_and_print(uint64_t seed, const torc::sim::SeedOptions& options) {
  const torc::sim::Probe first = torc::sim::probe(seed, options);
  if (first.end == CampaignEnd::kPassed) {
    std::printf("seed %llu passed: there is nothing to shrink\n", static_cast<unsigned long long>(seed));
    return 0;
  }
  const torc::sim::Shrunk shrunk = torc::sim::shrink(seed, options, first);
  std::printf("%zu of %zu faults are left after %zu runs:\n", shrunk.last.faults.size(), first.faults.size(),
              shrunk.runs);
  for (const torc::sim::StruckFault& fault : shrunk.last.faults) {
    std::printf("  %4llu  %10.6f s  %s\n", static_cast<unsigned long long>(fault.number),
                static_cast<double>(fault.at.ns) / 1e9, std::string(to_string(fault.kind)).c_str());
  }
  print_failure(shrunk.last.end, seed, shrunk.last.message, shrunk.options);
  return exit_code(first.end);
}

/// What two builds of the same source must agree on, whatever the compiler and its options.
int print_hashes(const torc::sim::CampaignOptions& options) {
  for (uint64_t seed = options.first_seed; seed < options.first_seed + options.seeds; ++seed) {
    const CampaignReport report = torc::sim::run_one(seed, options.seed, false);
    std::printf("%llu %016llx %s\n", static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(report.trace_hash), name_of(report.end));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Simulates Torc clusters under faults, one world per seed.\n"
      "Exit codes: 0 all passed, 2 usage, 3 safety, 4 liveness, 5 nondeterminism."};
  torc::sim::CampaignOptions options;
  uint64_t seed = 0;
  bool trace = false;
  bool hashes = false;
  bool shrink = false;
  std::vector<uint64_t> only_faults;
  int64_t fire_seconds = torc::sim::kFullFireSeconds;
  app.add_option("--seeds", options.seeds, "How many seeds to run")->capture_default_str();
  app.add_option("--first-seed", options.first_seed, "The first of them")->capture_default_str();
  const auto* one = app.add_option("--seed", seed, "Run this seed alone, twice, in this process");
  app.add_flag("--trace", trace, "With --seed: run it once and print one line per event")->needs("--seed");
  app.add_flag("--shrink", shrink,
               "With --seed, if it fails: look for fewer faults, fewer clients and less time that do")
      ->needs("--seed");
  app.add_option("--only-faults", only_faults, "Of a seed's faults only these, by number (0: none); no minima then")
      ->delimiter(',');
  app.add_flag("--calm", options.seed.is_calm,
               "Only worlds in which nothing goes wrong; every eighth seed has one anyhow");
  app.add_option("--clients", options.seed.clients, "Clients instead of as many as the seed says")
      ->check(CLI::Range(1, 64));
  app.add_flag("--hashes", hashes, "Run the seeds one after the other and print the trace hash of each");
  app.add_option("--nodes", options.seed.nodes, "Nodes of the cluster")
      ->check(CLI::IsMember({1, 3, 5}))
      ->capture_default_str();
  app.add_option("--groups", options.seed.groups, "Groups of each node: into so many arcs the circle is cut")
      ->check(CLI::IsMember({1, 2, 4, 8, 16, 64}))
      ->capture_default_str();
  app.add_option(
         "--seconds", fire_seconds,
         "Simulated seconds under faults; from 60 on longer if need be, until there were 2,000 answers and 20 faults")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  app.add_option("--jobs", options.jobs, "Worker processes")->check(CLI::Range(1, 64))->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  options.seed.fire = std::chrono::seconds(fire_seconds);
  if (!only_faults.empty()) {
    options.seed.only_faults.emplace(only_faults.begin(), only_faults.end());
  } else if (fire_seconds >= torc::sim::kFullFireSeconds) {
    options.seed.operations_wanted = torc::sim::kFullOperations;
    options.seed.faults_wanted = torc::sim::kFullFaults;
  }
  if (shrink) return shrink_and_print(seed, options.seed);
  if (trace) options.seed.trace_sink = [](const std::string& line) { std::printf("%s\n", line.c_str()); };

  if (hashes) return print_hashes(options);
  const auto start = std::chrono::steady_clock::now();
  const auto real_seconds = [&] { return seconds(std::chrono::steady_clock::now() - start); };
  const bool is_terminal = ::isatty(STDERR_FILENO) != 0;
  const CampaignReport report =
      *one ? torc::sim::run_one(seed, options.seed, !trace)
           : torc::sim::run_campaign(options, [&](const CampaignReport& so_far) {
               if (is_terminal) {
                 std::fprintf(stderr, "\r%s ", progress_bar(so_far, options.seeds, real_seconds()).c_str());
               }
             });
  if (is_terminal && !*one) std::fprintf(stderr, "\n");
  std::fputs(figures(report, real_seconds(), cpu_seconds()).c_str(), stdout);
  if (report.end != CampaignEnd::kPassed) {
    print_failure(report.end, report.failed_seed, report.message, options.seed);
  }
  return exit_code(report.end);
}
