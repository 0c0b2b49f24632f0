// Whatever a disk says: an answer, not an abort.
#include <gtest/gtest.h>

#include <functional>

#include "consensus/test_cluster.h"

namespace torc::consensus {
namespace {

/// Entries 6 to 9 of terms 2, 2, 3, 3 behind a checkpoint of entry 5, term 1.
RestoredState good() {
  RestoredState restored;
  restored.hard_state.term = Term(3);
  restored.start_index = LogIndex(5);
  restored.start_term = Term(1);
  restored.term_runs = {{LogIndex(6), Term(2)}, {LogIndex(8), Term(3)}};
  restored.last_index = LogIndex(9);
  restored.commit = LogIndex(5);
  restored.configuration.voters = {replica_id(1)};
  restored.configurations = {{LogIndex(6), restored.configuration}, {LogIndex(9), restored.configuration}};
  return restored;
}

TEST(Restored, WhatRecoveryFindsAfterARunIsFine) {
  EXPECT_TRUE(check_restored(good()).ok());
  EXPECT_TRUE(check_restored(RestoredState()).ok());
}

TEST(Restored, EveryContradictionIsNamedAsDamage) {
  const std::pair<const char*, std::function<void(RestoredState&)>> cases[] = {
      {"starts behind its end", [](RestoredState& r) { r.start_index = LogIndex(10); }},
      {"ends beyond every log", [](RestoredState& r) { r.last_index = LogIndex(UINT64_MAX); }},
      {"commit behind the end", [](RestoredState& r) { r.commit = LogIndex(10); }},
      {"entries without terms", [](RestoredState& r) { r.term_runs.clear(); }},
      {"a gap at the start", [](RestoredState& r) { r.term_runs.front().first_index = LogIndex(7); }},
      {"a term that falls", [](RestoredState& r) { r.term_runs.back().term = Term(1); }},
      {"a term below the checkpoint's", [](RestoredState& r) { r.start_term = Term(3); }},
      {"runs out of order", [](RestoredState& r) { std::swap(r.term_runs.front(), r.term_runs.back()); }},
      {"a run behind the end",
       [](RestoredState& r) {
         r.term_runs.push_back({LogIndex(10), Term(3)});
       }},
      {"an entry above the ballot's term", [](RestoredState& r) { r.hard_state.term = Term(2); }},
      {"a term nobody reaches", [](RestoredState& r) { r.hard_state.term = Term(UINT64_MAX); }},
      {"a configuration before the start", [](RestoredState& r) { r.configurations.front().index = LogIndex(5); }},
      {"a configuration behind the end", [](RestoredState& r) { r.configurations.back().index = LogIndex(10); }},
      {"configurations out of order",
       [](RestoredState& r) { std::swap(r.configurations.front(), r.configurations.back()); }},
  };
  for (const auto& [name, break_it] : cases) {
    RestoredState restored = good();
    break_it(restored);
    const Status checked = check_restored(restored);
    ASSERT_FALSE(checked.ok()) << name;
    EXPECT_EQ(checked.error().code, ErrorCode::kCorrupt) << name;
  }
}

}  // namespace
}  // namespace torc::consensus
