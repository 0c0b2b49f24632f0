// torc-canary-unit: the unit tests of consensus, storage, node, MapReduce and the small worlds over the product with
// one planted bug, for what the simulator of whole nodes does not reach. A test must fail. See docs/testing.md.
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <string>

#include "child.h"
#include "planted.h"

namespace torc::canary {
namespace {

/// What a test program said from its first failure on.
std::string first_failure(const std::string& said) {
  for (const char* mark : {"CHECK(", ": Failure"}) {
    const size_t at = said.find(mark);
    if (at == std::string::npos) continue;
    const size_t line = said.rfind('\n', at);
    return said.substr(line == std::string::npos ? 0 : line + 1, 1200);
  }
  return said.substr(said.size() - std::min<size_t>(said.size(), 1200));
}

bool passes(std::string_view tests) {
  GTEST_FLAG_SET(filter, std::string(tests));
  GTEST_FLAG_SET(fail_fast, true);
  GTEST_FLAG_SET(color, "no");
  return RUN_ALL_TESTS() == 0 && testing::UnitTest::GetInstance()->test_to_run_count() > 0;
}

bool must_find(const planted::Bug& bug) {
  const std::string name(bug.name);
  const auto start = std::chrono::steady_clock::now();
  planted::active = bug.number;
  const ChildEnd end = run_in_child([&] { return passes(bug.tests); });
  planted::active = 0;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (end.is_clean) {
    std::printf("%s: NOT FOUND by %s (%.1f s)\n", name.c_str(), std::string(bug.tests).c_str(), seconds);
    return false;
  }
  std::printf("%s: found by %s (%.1f s):\n%s\n", name.c_str(), std::string(bug.tests).c_str(), seconds,
              first_failure(end.said).c_str());
  return true;
}

/// Without any bug all those tests must pass.
bool control() {
  std::string all;
  for (size_t i = 0; i < planted::kBugCount; ++i) {
    if (!planted::kBugs[i].tests.empty()) all += (all.empty() ? "" : ":") + std::string(planted::kBugs[i].tests);
  }
  const ChildEnd end = run_in_child([&] { return passes(all); });
  std::printf("no bug is planted, tests %s: %s\n", all.c_str(),
              end.is_clean ? "nothing found, as it must be" : first_failure(end.said).c_str());
  return end.is_clean;
}

}  // namespace
}  // namespace torc::canary

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  CLI::App app{
      "Runs the tests that must notice one planted bug.\n"
      "Exit codes: 0 a test failed (or, with --control, none), 1 otherwise, 2 usage."};
  std::string name;
  std::string tests;
  bool is_control = false;
  app.add_option("--bug", name, "The bug: a file of tests/canary/bugs without .bug");
  app.add_flag("--control", is_control, "No bug: all those tests must pass");
  app.add_option("--tests", tests, "These tests (a filter of GoogleTest) instead of those the .bug file names");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (is_control) return torc::canary::control() ? 0 : 1;
  const torc::planted::Bug* found = torc::planted::bug_of(name);
  if (found == nullptr || (found->tests.empty() && tests.empty())) {
    std::fprintf(stderr, "no bug of that name is looked for by unit tests: '%s'\n", name.c_str());
    return 2;
  }
  torc::planted::Bug bug = *found;
  if (!tests.empty()) bug.tests = tests;
  return torc::canary::must_find(bug) ? 0 : 1;
}
