// torc-canary-sim: the simulator over the product with planted bugs. Finds one bug, by seed, or shows that nothing is
// found when none is switched on. See docs/testing.md.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>

#include "base/check.h"
#include "child.h"
#include "planted.h"
#include "sim/run_seed.h"

namespace torc::canary {
namespace {

constexpr std::string_view kFoundMark = "\nFOUND ";
/// Instead of a list of faults: worlds in which nothing goes wrong (sim/calm.h).
constexpr std::string_view kNoFaults = "none";

sim::Fault fault_of(std::string_view name) {
  for (size_t i = 0; i < sim::kFaultCount; ++i) {
    if (to_string(static_cast<sim::Fault>(i)) == name) return static_cast<sim::Fault>(i);
  }
  CHECK(false) << "no fault is called '" << name << "'";
  return {};
}

/// Which worlds a run lives in. Each of them is one that torc-sim may draw too.
struct Profile {
  unsigned nodes = 3;
  unsigned groups = 1;
  std::string faults;
  friend auto operator<=>(const Profile&, const Profile&) = default;
};

Profile profile_of(const planted::Bug& bug) { return {bug.nodes, bug.groups, std::string(bug.faults)}; }

sim::SeedOptions options_of(const Profile& profile) {
  sim::SeedOptions options;
  options.nodes = profile.nodes;
  options.groups = profile.groups;
  options.is_calm = profile.faults == kNoFaults;
  if (profile.faults.empty() || options.is_calm) return options;
  options.adjust_faults = [faults = profile.faults](sim::NemesisOptions& nemesis) {
    nemesis.weights = {};
    for (size_t begin = 0; begin < faults.size();) {
      const size_t end = std::min(faults.find(',', begin), faults.size());
      const size_t first = faults.find_first_not_of(' ', begin);
      nemesis.weights[static_cast<size_t>(fault_of(faults.substr(first, end - first)))] = 1;
      begin = end + 1;
    }
  };
  return options;
}

struct Search {
  uint64_t first_seed = 1;
  uint64_t seeds = 0;
};

struct Finding {
  uint64_t seed = 0;  // 0: nothing was found
  std::string message;
};

/// The seeds one after the other; false at the first that is found wanting. Each seed is named before it runs, so that
/// a failed CHECK can be told from others'.
bool pass_all(const Profile& profile, const Search& search) {
  const sim::SeedOptions options = options_of(profile);
  for (uint64_t seed = search.first_seed; seed < search.first_seed + search.seeds; ++seed) {
    std::printf("%s%llu ", kFoundMark.data(), static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    const sim::Outcome outcome = sim::run_seed(seed, options);
    // A planted bug may cost progress long before it costs safety; the next seed may show the latter.
    const bool counts = outcome.verdict == sim::Verdict::kSafety || planted::active == 0;
    if (outcome.verdict == sim::Verdict::kPassed || !counts) continue;
    std::fputs(outcome.message.c_str(), stdout);
    return false;
  }
  return true;
}

Finding find(const Profile& profile, const Search& search) {
  const ChildEnd end = run_in_child([&] { return pass_all(profile, search); });
  if (end.is_clean) return {};
  const std::string last = end.said.substr(end.said.rfind(kFoundMark) + kFoundMark.size());
  return {std::stoull(last), last.substr(last.find(' ') + 1)};
}

/// The checker whose words these are.
std::string_view checker_of(std::string_view message) {
  static constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {"CHECK(", "an assertion of the product"},
      {"where nothing is wrong", "calm worlds"},
      {"two leaders in term", "one leader per term"},
      {"holds a lease of term", "leases and later leaders"},
      {"differ after applying", "equal state at equal index"},
      {"have applied the same entries and differ", "equal state at equal index"},
      {"cannot start from what its own crash left", "a node starts from what it left"},
      {"far ahead of the clocks of a majority", "stamps and clocks"},
      {" went back: ", "term, commit and applied only rise"},
      {" has applied ", "applied <= commit <= last"},
      {" stopped itself: ", "no node stops itself"},
      {"an impossible answer", "possible answers"},
      {": election safety: ", "one leader per term"},
      {": log matching: ", "log matching"},
      {": leader completeness: ", "leader completeness"},
      {": state machine safety: ", "the committed prefix never changes"},
      {"replica ", "what must hold inside one replica"},
      {" on the same connection", "bursts"},
      {" of a connection with ", "bursts"},
      {"finds a value of length ", "bursts"},
      {"<-- impossible", "linearizability"},
      {"the process died", "a crash of the process"},
  };
  for (const auto& [word, checker] : kWords) {
    if (message.find(word) != std::string_view::npos) return checker;
  }
  return "a checker that this list does not know";
}

void print_row(const planted::Bug& bug, const std::string& checker, unsigned long long count) {
  std::printf("| `%s` | %s | %s | %s | %llu |\n", std::string(bug.name).c_str(), std::string(bug.sentence).c_str(),
              std::string(bug.row).c_str(), checker.c_str(), count);
  std::fflush(stdout);
}

/// The bug must be found, and not in the same seed without it.
bool must_find(const planted::Bug& bug, const Search& search, bool is_row) {
  const std::string name(bug.name);
  const Profile profile = profile_of(bug);
  const auto start = std::chrono::steady_clock::now();
  planted::active = bug.number;
  const Finding finding = find(profile, {search.first_seed, search.seeds ? search.seeds : bug.seeds});
  planted::active = 0;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (finding.seed == 0) {
    std::printf("%s: NOT FOUND (%.1f s)\n", name.c_str(), seconds);
    return false;
  }
  if (const Finding other = find(profile, {finding.seed, 1}); other.seed != 0) {
    std::printf("%s: seed %llu fails without the bug too: %s\n", name.c_str(),
                static_cast<unsigned long long>(other.seed), other.message.c_str());
    return false;
  }
  const auto count = static_cast<unsigned long long>(finding.seed - search.first_seed + 1);
  const std::string checker(checker_of(finding.message));
  if (is_row) {
    print_row(bug, checker, count);
  } else {
    std::printf("%s: found by '%s' after %llu seeds (%.1f s):\n%s\n", name.c_str(), checker.c_str(), count, seconds,
                finding.message.c_str());
  }
  return true;
}

/// Every profile that a bug is searched in, without any bug.
bool control(const Search& search) {
  std::set<Profile> profiles{Profile()};
  for (size_t i = 0; i < planted::kBugCount; ++i) {
    if (planted::kBugs[i].tests.empty()) profiles.insert(profile_of(planted::kBugs[i]));
  }
  for (const Profile& profile : profiles) {
    const Finding finding = find(profile, search);
    if (finding.seed == 0) continue;
    std::printf("no bug is planted, and yet seed %llu (%u nodes, %u groups, faults: %s) finds: %s\n",
                static_cast<unsigned long long>(finding.seed), profile.nodes, profile.groups, profile.faults.c_str(),
                finding.message.c_str());
    return false;
  }
  std::printf("%zu profiles, %llu seeds each: nothing found, as it must be\n", profiles.size(),
              static_cast<unsigned long long>(search.seeds));
  return true;
}

bool table(const Search& search) {
  bool is_all = true;
  std::printf("| name | bug | row | found by | after seeds |\n|---|---|---|---|---|\n");
  for (size_t i = 0; i < planted::kBugCount; ++i) {
    if (planted::kBugs[i].tests.empty()) is_all &= must_find(planted::kBugs[i], search, true);
  }
  return is_all;
}

}  // namespace
}  // namespace torc::canary

int main(int argc, char** argv) {
  CLI::App app{
      "Simulates clusters of the product with one planted bug, seed by seed until a checker finds it.\n"
      "Exit codes: 0 found (or, with --control, nothing found), 1 otherwise, 2 usage."};
  std::string name;
  bool is_control = false;
  bool is_table = false;
  torc::canary::Search search;
  app.add_option("--bug", name, "The bug: a file of tests/canary/bugs without .bug");
  app.add_flag("--control", is_control, "No bug: nothing may be found");
  app.add_flag("--table", is_table, "All bugs, one line of Markdown each");
  app.add_option("--first-seed", search.first_seed, "Where to begin")->capture_default_str();
  app.add_option("--seeds", search.seeds, "How many seeds at most (without: what the .bug file says)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (is_table) return torc::canary::table(search) ? 0 : 1;
  if (is_control) return torc::canary::control(search) ? 0 : 1;
  const torc::planted::Bug* bug = torc::planted::bug_of(name);
  if (bug == nullptr || !bug->tests.empty()) {
    std::fprintf(stderr, "no bug that the simulator looks for is called '%s'\n", name.c_str());
    return 2;
  }
  return torc::canary::must_find(*bug, search, false) ? 0 : 1;
}
