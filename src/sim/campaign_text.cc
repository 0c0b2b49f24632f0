#include "sim/campaign_text.h"

#include <algorithm>
#include <cstdio>
#include <vector>

namespace torc::sim {
namespace {

constexpr size_t kBarWidth = 30;
constexpr size_t kFaultsPerLine = 6;

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }
unsigned long long plain(uint64_t number) { return number; }

template <typename... Values>
std::string format(const char* pattern, Values... values) {
  char line[512];
  std::snprintf(line, sizeof line, pattern, values...);
  return line;
}

std::string faults_by_kind(const SeedStats& stats) {
  std::string lines;
  size_t in_line = 0;
  for (size_t i = 0; i < kFaultCount; ++i) {
    if (stats.faults_by_kind[i] == 0) continue;
    lines += in_line == 0 ? "  " : ", ";
    lines += std::to_string(stats.faults_by_kind[i]) + " " + std::string(to_string(static_cast<Fault>(i)));
    if (++in_line < kFaultsPerLine) continue;
    lines += "\n";
    in_line = 0;
  }
  return in_line == 0 ? lines : lines + "\n";
}

}  // namespace

const char* name_of(CampaignEnd end) {
  switch (end) {
    case CampaignEnd::kPassed:
      return "passed";
    case CampaignEnd::kSafety:
      return "SAFETY";
    case CampaignEnd::kLiveness:
      return "LIVENESS";
    case CampaignEnd::kNondeterminism:
      return "NONDETERMINISM";
  }
  return "?";
}

std::string figures(const CampaignReport& report, double real_seconds, double cpu_seconds) {
  const SeedStats& t = report.totals;
  const double simulated = seconds(t.simulated);
  std::string lines = format(
      "%llu seeds passed, %.2f simulated hours: %.0f simulated seconds per real second, %.0f per second of one core\n",
      plain(report.seeds_passed), simulated / 3600, simulated / std::max(real_seconds, 1e-9),
      simulated / std::max(cpu_seconds, 1e-9));
  lines += format(
      "client operations checked: %llu answered, %llu refused, %llu with an unknown outcome; %llu keys undecided\n"
      "commands in bursts: %llu answered\n",
      plain(t.operations), plain(t.refused), plain(t.unknown), plain(t.undecided_keys), plain(t.burst_commands));
  lines += format(
      "replicas: %llu leaderships, %llu entries, %llu of them in checkpoints, %llu snapshots installed, %llu states "
      "compared\n",
      plain(t.leaderships), plain(t.entries), plain(t.checkpoint_index), plain(t.snapshots_installed),
      plain(t.digests_compared));
  lines += format("faults: %llu; damaged data was noticed %llu times; %llu worlds of mixed versions, %llu calm ones\n",
                  plain(t.faults), plain(t.refusals), plain(t.upgrading), plain(t.calm));
  lines += faults_by_kind(t);
  lines += format("least of any seed: %.1f simulated seconds, %llu operations answered, %llu faults\n",
                  seconds(report.least.simulated), plain(report.least.operations), plain(report.least.faults));
  return lines;
}

std::string progress_bar(const CampaignReport& so_far, uint64_t seeds, double real_seconds) {
  const uint64_t done = std::min(so_far.seeds_passed, seeds);
  std::string bar(kBarWidth * done / seeds, '#');
  bar.resize(kBarWidth, '.');
  std::string line = format("[%s] %llu of %llu seeds, %.1f simulated hours", bar.c_str(), plain(done), plain(seeds),
                            seconds(so_far.totals.simulated) / 3600);
  if (done == 0) return line;
  const auto left = static_cast<uint64_t>(real_seconds / static_cast<double>(done) * static_cast<double>(seeds - done));
  return line + format(", %llu:%02llu left", plain(left / 60), plain(left % 60));
}

}  // namespace torc::sim
