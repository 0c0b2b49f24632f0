#include "consensus/log_view.h"

#include <gtest/gtest.h>

#include "consensus/test_cluster.h"

namespace torc::consensus {
namespace {

constexpr size_t kPlenty = 1 << 20;

Configuration three_voters() { return {{replica_id(1), replica_id(2), replica_id(3)}, {}, {}}; }

// A log with entries of the given terms from index 1 on.
LogView log_of(const std::vector<uint64_t>& terms, size_t held_bytes_max = kPlenty) {
  RestoredState empty;
  empty.configuration = three_voters();
  LogView log(empty, held_bytes_max);
  for (const uint64_t term : terms) log.append(entry_of(term, log.last_index().value + 1));
  return log;
}

std::vector<uint64_t> indexes(const std::vector<Entry>& entries) {
  std::vector<uint64_t> out;
  for (const Entry& entry : entries) out.push_back(entry.index.value);
  return out;
}

TEST(LogView, KnowsTheTermOfEveryEntryButNotBeyondItsEnds) {
  LogView log = log_of({1, 1, 2, 5, 5});
  EXPECT_EQ(log.term_at(LogIndex(0)), Term(0));
  EXPECT_EQ(log.term_at(LogIndex(2)), Term(1));
  EXPECT_EQ(log.term_at(LogIndex(3)), Term(2));
  EXPECT_EQ(log.term_at(LogIndex(5)), Term(5));
  EXPECT_EQ(log.term_at(LogIndex(6)), std::nullopt);
  log.commit_to(LogIndex(4));
  log.cut(LogIndex(3));
  EXPECT_EQ(log.term_at(LogIndex(2)), std::nullopt);
  EXPECT_EQ(log.term_at(LogIndex(3)), Term(2));
  EXPECT_EQ(log.term_at(LogIndex(4)), Term(5));
}

TEST(LogView, SkipsWholeTermsWhenLookingForAgreement) {
  const LogView log = log_of({1, 1, 2, 5, 5});
  EXPECT_EQ(log.last_not_above(LogIndex(9), Term(9)), LogIndex(5));
  EXPECT_EQ(log.last_not_above(LogIndex(5), Term(4)), LogIndex(3));
  EXPECT_EQ(log.last_not_above(LogIndex(4), Term(1)), LogIndex(2));
  EXPECT_EQ(log.last_not_above(LogIndex(5), Term(0)), LogIndex(0));
}

TEST(LogView, ALogIsFresherByItsLastTermFirstAndByItsLengthSecond) {
  const LogView log = log_of({1, 3, 3});
  EXPECT_TRUE(log.is_up_to_date(Term(4), LogIndex(1)));
  EXPECT_TRUE(log.is_up_to_date(Term(3), LogIndex(3)));
  EXPECT_FALSE(log.is_up_to_date(Term(3), LogIndex(2)));
  EXPECT_FALSE(log.is_up_to_date(Term(2), LogIndex(9)));
}

TEST(LogView, EntriesAreStableOnlyWhenTheirReadyIsDurable) {
  LogView log = log_of({1, 1});
  EXPECT_EQ(indexes(log.offer(1)), (std::vector<uint64_t>{1, 2}));
  log.append(entry_of(1, 3));
  EXPECT_EQ(indexes(log.offer(2)), (std::vector<uint64_t>{3}));
  EXPECT_EQ(log.stable_index(), LogIndex(0));
  log.persisted(1);
  EXPECT_EQ(log.stable_index(), LogIndex(2));
  log.persisted(2);
  EXPECT_EQ(log.stable_index(), LogIndex(3));
  EXPECT_FALSE(log.has_unoffered());
}

TEST(LogView, AnFsyncOfReplacedEntriesDoesNotMakeTheirSuccessorsStable) {
  // 1: [1.1 1.2 1.3] on its way to disk; 2: 2 and 3 are replaced by term 2. The fsync of the first ends.
  LogView log = log_of({1, 1, 1});
  log.offer(1);
  log.truncate_suffix(LogIndex(1));
  log.append(entry_of(2, 2));
  log.append(entry_of(2, 3));
  EXPECT_EQ(indexes(log.offer(2)), (std::vector<uint64_t>{2, 3}));
  log.persisted(1);
  EXPECT_EQ(log.stable_index(), LogIndex(1));
  log.persisted(2);
  EXPECT_EQ(log.stable_index(), LogIndex(3));
}

TEST(LogView, EntriesReplacedBeforeAnyReadyAreNeverOffered) {
  LogView log = log_of({1, 1});
  log.truncate_suffix(LogIndex(1));
  log.append(entry_of(2, 2));
  EXPECT_EQ(log.offer(1).back().term, Term(2));
  EXPECT_EQ(log.last_term(), Term(2));
}

TEST(LogView, KeepsTheUncommittedTailHoweverLittleItMayHold) {
  LogView log = log_of({1, 1, 1, 1}, 0);
  log.offer(1);
  log.commit_to(LogIndex(3));
  EXPECT_EQ(log.first_held(), LogIndex(1)) << "not durable yet";
  log.persisted(1);
  EXPECT_EQ(log.first_held(), LogIndex(4));
}

TEST(LogView, HoldsCommittedEntriesUpToTheLimitAndNotOneByteMore) {
  const size_t entry_bytes = entry_of(1, 1).size();
  LogView log = log_of({1, 1, 1, 1}, 2 * entry_bytes);
  log.offer(1);
  log.persisted(1);
  log.commit_to(LogIndex(4));
  EXPECT_EQ(log.held_bytes(), 2 * entry_bytes);
  EXPECT_EQ(log.first_held(), LogIndex(3));
  LogView tighter = log_of({1, 1, 1, 1}, 2 * entry_bytes - 1);
  tighter.offer(1);
  tighter.persisted(1);
  tighter.commit_to(LogIndex(4));
  EXPECT_EQ(tighter.first_held(), LogIndex(4));
}

TEST(LogView, WhatEveryMemberHasNeedNotBeHeld) {
  LogView log = log_of({1, 1, 1});
  log.offer(1);
  log.persisted(1);
  log.commit_to(LogIndex(3));
  log.release(LogIndex(2));
  EXPECT_EQ(log.first_held(), LogIndex(3));
}

TEST(LogView, CollectsUntilTheLimitIsReachedAndAtLeastOneEntry) {
  const LogView log = log_of({1, 1, 1});
  std::vector<Entry> entries;
  log.collect(LogIndex(2), 1, entries);
  EXPECT_EQ(indexes(entries), (std::vector<uint64_t>{2}));
  entries.clear();
  log.collect(LogIndex(1), entry_of(1, 1).size() + 1, entries);
  EXPECT_EQ(indexes(entries), (std::vector<uint64_t>{1, 2}));
}

TEST(LogView, AConfigurationCountsWhenAppendedAndNoMoreWhenTruncated) {
  LogView log = log_of({1});
  Configuration bigger = three_voters();
  bigger.learners = {replica_id(4)};
  log.append(make_entry(Term(1), LogIndex(2), EntryKind::kConfiguration, buffer_of(encode_configuration(bigger))));
  EXPECT_EQ(log.configuration(), bigger);
  log.append(entry_of(1, 3));
  log.truncate_suffix(LogIndex(2));
  EXPECT_EQ(log.configuration(), bigger);
  log.truncate_suffix(LogIndex(1));
  EXPECT_EQ(log.configuration(), three_voters());
}

TEST(LogView, TellsWhichConfigurationWasInForceAnywhereInTheLogAlsoOnceItIsCut) {
  LogView log = log_of({1});
  Configuration bigger = three_voters();
  bigger.learners = {replica_id(4)};
  log.append(make_entry(Term(1), LogIndex(2), EntryKind::kConfiguration, buffer_of(encode_configuration(bigger))));
  log.append(entry_of(1, 3));
  log.commit_to(LogIndex(3));
  EXPECT_EQ(log.configuration_at(LogIndex(1)), three_voters()) << "a checkpoint there must not tell the future";
  EXPECT_EQ(log.configuration_at(LogIndex(2)), bigger);
  log.cut(LogIndex(2));
  EXPECT_EQ(log.configuration_at(LogIndex(2)), bigger);
  EXPECT_EQ(log.configuration_at(LogIndex(3)), bigger);
}

TEST(LogView, AfterARestartNothingIsHeldAndTheTailMayStillBeReplaced) {
  RestoredState state;
  state.start_index = LogIndex(4);
  state.start_term = Term(2);
  state.commit = LogIndex(5);
  state.last_index = LogIndex(8);
  state.term_runs = {{LogIndex(5), Term(2)}, {LogIndex(7), Term(3)}};
  state.configuration = three_voters();
  LogView log(state, kPlenty);
  EXPECT_EQ(log.first_held(), LogIndex(9));
  EXPECT_EQ(log.stable_index(), LogIndex(8));
  EXPECT_EQ(log.term_at(LogIndex(6)), Term(2));
  log.truncate_suffix(LogIndex(6));
  log.append(entry_of(4, 7));
  EXPECT_EQ(log.stable_index(), LogIndex(6));
  EXPECT_EQ(indexes(log.offer(1)), (std::vector<uint64_t>{7}));
}

TEST(LogViewDeathTest, CommittedEntriesAreNeverTruncated) {
  LogView log = log_of({1, 1});
  log.commit_to(LogIndex(2));
  EXPECT_DEATH(log.truncate_suffix(LogIndex(1)), "below commit");
}

}  // namespace
}  // namespace torc::consensus
