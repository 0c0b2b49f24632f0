#include "sim/shrink.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <iterator>
#include <sstream>
#include <utility>

#include "base/check.h"
#include "sim/workload.h"

namespace torc::sim {
namespace {

constexpr size_t kRunsMax = 400;

/// What the child says: "S number kind time" for each fault, at last "E end simulated fire" and the message.
void say(int fd, const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const ssize_t written = ::write(fd, text.data() + at, text.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) _exit(1);
    at += static_cast<size_t>(written);
  }
}

void run_and_say(uint64_t seed, SeedOptions options, int fd) {
  options.on_fault = [fd](const StruckFault& fault) {
    say(fd, "S " + std::to_string(fault.number) + " " + std::to_string(static_cast<int>(fault.kind)) + " " +
                std::to_string(fault.at.ns) + "\n");
  };
  const Outcome outcome = run_seed(seed, options);
  const CampaignEnd end = outcome.verdict == Verdict::kPassed   ? CampaignEnd::kPassed
                          : outcome.verdict == Verdict::kSafety ? CampaignEnd::kSafety
                                                                : CampaignEnd::kLiveness;
  say(fd, "E " + std::to_string(static_cast<int>(end)) + " " + std::to_string(outcome.stats.simulated.count()) + " " +
              std::to_string(outcome.fire.count()) + "\n" + outcome.message);
}

Probe understood(const std::string& said) {
  Probe result;
  result.has_crashed = true;
  std::istringstream lines(said);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string what;
    words >> what;
    if (what == "S") {
      StruckFault fault;
      int kind = 0;
      words >> fault.number >> kind >> fault.at.ns;
      fault.kind = static_cast<Fault>(kind);
      result.faults.push_back(fault);
    } else if (what == "E") {
      int end = 0;
      int64_t simulated = 0;
      int64_t fire = 0;
      words >> end >> simulated >> fire;
      result.end = static_cast<CampaignEnd>(end);
      result.simulated = Duration(simulated);
      result.fire = Duration(fire);
      result.has_crashed = false;
      result.message.assign(std::istreambuf_iterator<char>(lines), {});
    }
  }
  if (result.has_crashed) {
    result.end = CampaignEnd::kSafety;
    result.message = "the program died (a failed CHECK says why, above)";
  }
  return result;
}

class Shrinker {
 public:
  Shrinker(uint64_t seed, SeedOptions options, const Probe& first) : seed_(seed), goal_(first) {
    best_.options = std::move(options);
    best_.options.operations_wanted = best_.options.faults_wanted = 0;
    best_.last = first;
  }

  Shrunk run() {
    if (goal_.fire > Duration(0)) {
      with([&](SeedOptions& options) { options.fire = goal_.fire; });
    }
    cut_time();
    remove_faults();
    while (clients() > 1 && with([&](SeedOptions& options) { options.clients = clients() / 2; })) {
    }
    while (best_.options.fire > 2s &&
           with([&](SeedOptions& options) { options.fire = whole_seconds(options.fire / 2); })) {
    }
    remove_faults();
    cut_time();
    return best_;
  }

 private:
  static Duration whole_seconds(Duration length) { return std::chrono::ceil<std::chrono::seconds>(length); }

  size_t clients() const { return best_.options.clients != 0 ? best_.options.clients : WorkloadOptions().clients; }

  /// Keeps the change if the run still fails in the same way.
  template <typename Change>
  bool with(const Change& change) {
    if (best_.runs >= kRunsMax) return false;
    SeedOptions options = best_.options;
    change(options);
    ++best_.runs;
    Probe outcome = probe(seed_, options);
    if (outcome.end != goal_.end || outcome.has_crashed != goal_.has_crashed) return false;
    best_.options = std::move(options);
    best_.last = std::move(outcome);
    return true;
  }

  /// Nothing after the failure was needed.
  void cut_time() {
    const Duration needed = whole_seconds(best_.last.simulated);
    if (needed > Duration(0) && needed < best_.options.fire) {
      with([&](SeedOptions& options) { options.fire = needed; });
    }
  }

  /// Halves, quarters, ... single faults (Zeller's ddmin, without its complements).
  void remove_faults() {
    std::vector<uint64_t> kept;
    for (const StruckFault& fault : best_.last.faults) kept.push_back(fault.number);
    const auto keep = [&](const std::vector<uint64_t>& numbers) {
      return with([&](SeedOptions& options) { options.only_faults.emplace(numbers.begin(), numbers.end()); });
    };
    if (keep({})) return;
    for (size_t chunk = std::max<size_t>(kept.size() / 2, 1);; chunk /= 2) {
      for (size_t begin = 0; begin < kept.size();) {
        std::vector<uint64_t> fewer(kept);
        const size_t end = std::min(begin + chunk, kept.size());
        fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(begin), fewer.begin() + static_cast<ptrdiff_t>(end));
        if (!fewer.empty() && keep(fewer)) {
          kept = std::move(fewer);
        } else {
          begin = end;
        }
      }
      if (chunk <= 1) break;
    }
  }

  uint64_t seed_;
  const Probe goal_;
  Shrunk best_;
};

}  // namespace

Probe probe(uint64_t seed, const SeedOptions& options) {
  int ends[2];
  CHECK(::pipe(ends) == 0);
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    ::close(ends[0]);
    run_and_say(seed, options, ends[1]);
    _exit(0);
  }
  ::close(ends[1]);
  std::string said;
  char buffer[4096];
  for (ssize_t count; (count = ::read(ends[0], buffer, sizeof buffer)) != 0;) {
    if (count > 0) said.append(buffer, static_cast<size_t>(count));
    if (count < 0 && errno != EINTR) break;
  }
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return understood(said);
}

Shrunk shrink(uint64_t seed, const SeedOptions& options, const Probe& first) {
  CHECK(first.end != CampaignEnd::kPassed);
  return Shrinker(seed, options, first).run();
}

std::string command_of(uint64_t seed, const SeedOptions& options) {
  std::string command = "torc-sim --seed " + std::to_string(seed) + " --nodes " + std::to_string(options.nodes);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(options.fire).count();
  if (seconds != kFullFireSeconds || options.only_faults) command += " --seconds " + std::to_string(seconds);
  if (options.groups != 1) command += " --groups " + std::to_string(options.groups);
  if (options.is_calm) command += " --calm";
  if (options.clients != 0) command += " --clients " + std::to_string(options.clients);
  if (!options.only_faults) return command;
  command += " --only-faults ";
  if (options.only_faults->empty()) return command + "0";
  for (const uint64_t number : *options.only_faults) {
    if (command.back() != ' ') command += ',';
    command += std::to_string(number);
  }
  return command;
}

}  // namespace torc::sim
