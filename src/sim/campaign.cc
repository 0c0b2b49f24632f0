#include "sim/campaign.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <sstream>
#include <vector>

#include "base/check.h"

namespace torc::sim {
namespace {

/// Every count of a run, so that adding, writing and reading cannot forget one.
constexpr uint64_t SeedStats::*kCounts[] = {
    &SeedStats::events,           &SeedStats::faults,         &SeedStats::operations,
    &SeedStats::burst_commands,   &SeedStats::unknown,        &SeedStats::refused,
    &SeedStats::leaderships,      &SeedStats::entries,        &SeedStats::digests_compared,
    &SeedStats::checkpoint_index, &SeedStats::undecided_keys, &SeedStats::snapshots_installed,
    &SeedStats::refusals,         &SeedStats::upgrading,      &SeedStats::calm,
};

void add(SeedStats& totals, const SeedStats& stats) {
  totals.simulated += stats.simulated;
  for (const auto count : kCounts) totals.*count += stats.*count;
  for (size_t i = 0; i < kFaultCount; ++i) totals.faults_by_kind[i] += stats.faults_by_kind[i];
}

void add_passed(CampaignReport& report, const SeedStats& stats) {
  SeedStats& least = report.least;
  const bool is_first = report.seeds_passed++ == 0;
  least.simulated = is_first ? stats.simulated : std::min(least.simulated, stats.simulated);
  least.faults = is_first ? stats.faults : std::min(least.faults, stats.faults);
  least.operations = is_first ? stats.operations : std::min(least.operations, stats.operations);
  add(report.totals, stats);
}

// What a worker tells its parent, in lines: "B seed" before a seed, "D simulated counts..." after one that passed, and
// at last, after one that failed, "F seed end" with the message up to the end of the stream.
std::string done_line(const SeedStats& stats) {
  std::ostringstream line;
  line << "D " << stats.simulated.count();
  for (const auto count : kCounts) line << ' ' << stats.*count;
  for (const uint64_t count : stats.faults_by_kind) line << ' ' << count;
  line << '\n';
  return line.str();
}

void take_done_line(std::istringstream& line, CampaignReport& report) {
  int64_t simulated = 0;
  SeedStats stats;
  line >> simulated;
  for (const auto count : kCounts) line >> stats.*count;
  for (uint64_t& count : stats.faults_by_kind) line >> count;
  CHECK(line) << "a worker's line is short";
  stats.simulated = Duration(simulated);
  add_passed(report, stats);
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) _exit(1);  // the parent is gone
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void work(const CampaignOptions& options, unsigned worker, int fd) {
  for (uint64_t i = worker; i < options.seeds; i += options.jobs) {
    const uint64_t seed = options.first_seed + i;
    write_all(fd, "B " + std::to_string(seed) + "\n");
    const bool twice = options.repeat_every != 0 && i % options.repeat_every == 0;
    const CampaignReport report = run_one(seed, options.seed, twice);
    if (report.end != CampaignEnd::kPassed) {
      write_all(
          fd, "F " + std::to_string(seed) + " " + std::to_string(static_cast<int>(report.end)) + "\n" + report.message);
      return;
    }
    write_all(fd, done_line(report.totals));
  }
}

/// One forked process and what it has said so far.
struct Worker {
  pid_t pid = -1;
  int fd = -1;
  std::string said;
  uint64_t seed = 0;  // begun and not finished; 0: none
  bool has_failed = false;
};

/// Reads what there is; returns false at the end of the stream.
bool listen(Worker& worker, CampaignReport& report) {
  char buffer[4096];
  const ssize_t count = ::read(worker.fd, buffer, sizeof buffer);
  if (count < 0 && errno == EINTR) return true;
  if (count <= 0) return false;
  worker.said.append(buffer, static_cast<size_t>(count));
  for (size_t end; !worker.has_failed && (end = worker.said.find('\n')) != std::string::npos;) {
    std::istringstream line(worker.said.substr(0, end));
    worker.said.erase(0, end + 1);
    std::string what;
    line >> what;
    if (what == "B") {
      line >> worker.seed;
    } else if (what == "D") {
      take_done_line(line, report);
      worker.seed = 0;
    } else {
      int kind = 0;
      line >> report.failed_seed >> kind;
      report.end = static_cast<CampaignEnd>(kind);
      worker.has_failed = true;
    }
  }
  return true;
}

void bury(Worker& worker, CampaignReport& report) {
  ::close(worker.fd);
  int status = 0;
  while (::waitpid(worker.pid, &status, 0) < 0 && errno == EINTR) {
  }
  worker.pid = -1;
  if (worker.has_failed) {
    report.message = worker.said;
  } else if (worker.seed != 0 && report.end == CampaignEnd::kPassed) {
    report.end = CampaignEnd::kSafety;
    report.failed_seed = worker.seed;
    report.message = WIFSIGNALED(status) ? "the program died of signal " + std::to_string(WTERMSIG(status)) +
                                               " (a failed CHECK says why, above)"
                                         : "the program ended in the middle of a seed";
  }
}

}  // namespace

CampaignReport run_one(uint64_t seed, const SeedOptions& options, bool twice) {
  CampaignReport report;
  const Outcome outcome = run_seed(seed, options);
  report.message = outcome.message;
  report.trace_hash = outcome.trace_hash;
  switch (outcome.verdict) {
    case Verdict::kPassed:
      break;
    case Verdict::kSafety:
      report.end = CampaignEnd::kSafety;
      break;
    case Verdict::kLiveness:
      report.end = CampaignEnd::kLiveness;
      break;
  }
  if (twice && report.end == CampaignEnd::kPassed && run_seed(seed, options).trace_hash != outcome.trace_hash) {
    report.end = CampaignEnd::kNondeterminism;
    report.message = "the same seed gave two different traces";
  }
  if (report.end == CampaignEnd::kPassed) {
    add_passed(report, outcome.stats);
  } else {
    add(report.totals, outcome.stats);
    report.failed_seed = seed;
  }
  return report;
}

CampaignReport run_campaign(const CampaignOptions& options,
                            const std::function<void(const CampaignReport&)>& progress) {
  CHECK(options.jobs > 0);
  CampaignReport report;
  std::vector<Worker> workers(options.jobs);
  std::fflush(nullptr);
  for (unsigned i = 0; i < options.jobs; ++i) {
    int ends[2];
    CHECK(::pipe(ends) == 0);
    const pid_t pid = ::fork();
    CHECK(pid >= 0);
    if (pid == 0) {
      ::close(ends[0]);
      work(options, i, ends[1]);
      _exit(0);
    }
    ::close(ends[1]);
    workers[i] = Worker{pid, ends[0], {}, 0, false};
  }
  while (true) {
    std::vector<pollfd> waits;
    for (const Worker& worker : workers) {
      if (worker.pid > 0) waits.push_back({worker.fd, POLLIN, 0});
    }
    if (waits.empty()) break;
    if (::poll(waits.data(), waits.size(), -1) < 0) continue;
    for (const pollfd& wait : waits) {
      if (wait.revents == 0) continue;
      Worker& worker = *std::find_if(workers.begin(), workers.end(),
                                     [&](const Worker& one) { return one.pid > 0 && one.fd == wait.fd; });
      if (!listen(worker, report)) bury(worker, report);
    }
    if (report.end == CampaignEnd::kPassed) {
      progress(report);
    } else {
      for (const Worker& worker : workers) {
        if (worker.pid > 0 && !worker.has_failed) ::kill(worker.pid, SIGKILL);
      }
    }
  }
  return report;
}

}  // namespace torc::sim
