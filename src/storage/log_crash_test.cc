// Crashes at every moment, against a model of what must, may and must not be there afterwards.
#include <gmock/gmock.h>

#include <set>

#include "sim/log_harness.h"

namespace torc::storage {
namespace {

using ::testing::ElementsAre;

const auto lose_everything = [](const std::string&, uint64_t, size_t) -> size_t { return 0; };

TEST(LogCrash, TruncatedTrailingRecordIsIgnored) {
  std::set<size_t> counts_seen;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    LogHarness harness;
    harness.must_open();
    harness.append(1, 1, "kept");
    ASSERT_TRUE(harness.flush().ok());
    harness.append(1, 2, std::string(3000, 'x'));
    harness.log->flush([](const Status&) {});
    Prng prng(seed);  // says how much of the write had happened when the process died
    harness.log.reset();
    harness.disk.kill(prng);
    harness.must_open();
    ASSERT_FALSE(HasFatalFailure());
    counts_seen.insert(harness.texts().size());
    ASSERT_EQ(harness.texts()[0], "kept");
  }
  EXPECT_THAT(counts_seen, ElementsAre(1, 2));
}

//  batch  |  R1: sectors 0..n  |  R2  |  R3  |    not synced: any subset of its sectors may reach the disk
TEST(LogCrash, EveryOrderInWhichSectorsOfAnUnsyncedBatchReachTheDiskLeavesAPrefix) {
  constexpr uint64_t kSectors = 10;
  std::set<size_t> prefixes_seen;
  for (uint64_t mask = 0; mask < (1u << kSectors); ++mask) {
    LogHarness harness;
    harness.must_open();
    harness.disk.run_all();  // the spare is ready: the first flush begins a zero-filled segment
    harness.append(1, 1, "synced");
    ASSERT_TRUE(harness.flush().ok());
    for (uint64_t i = 0; i < 3; ++i) harness.append(1, 2 + i, std::string(1500, static_cast<char>('a' + i)));
    // Reaches the cache but not the disk: the sync fails, and power fails before anybody reacts.
    harness.disk.fail_next_sync();
    harness.log->flush([](const Status&) {});
    harness.disk.run_one();
    std::vector<uint64_t> sectors;
    for (const std::string& name : harness.file_names()) {
      const auto unsynced = harness.disk.unsynced_sectors(name);
      if (!unsynced.empty()) sectors = unsynced;
    }
    ASSERT_EQ(sectors.size(), kSectors);
    harness.crash(
        [&](const std::string&, uint64_t sector, size_t) -> size_t { return mask >> (sector - sectors.front()) & 1; });
    harness.must_open();
    const auto texts = harness.texts();
    ASSERT_GE(texts.size(), 1u) << mask;
    ASSERT_EQ(texts[0], "synced");
    for (size_t i = 1; i < texts.size(); ++i) ASSERT_EQ(texts[i], std::string(1500, static_cast<char>('a' + i - 1)));
    if (mask == (1u << kSectors) - 1) {
      ASSERT_EQ(texts.size(), 4u);
    }
    prefixes_seen.insert(texts.size());
    // A second crash at once changes nothing: what open() said is durable.
    harness.crash(lose_everything);
    harness.must_open();
    ASSERT_EQ(harness.texts(), texts) << mask;
  }
  EXPECT_THAT(prefixes_seen, ElementsAre(1, 2, 3, 4));
}

TEST(LogCrash, StaleRecordsBehindATornTailAreNotTakenUpAfterASecondCrash) {
  LogHarness harness;
  harness.must_open();
  harness.disk.run_all();
  harness.append(1, 1, "synced");
  ASSERT_TRUE(harness.flush().ok());
  const std::string long_text(2000, 'x');
  harness.append(1, 2, long_text);
  harness.append(1, 3, "stale");
  harness.disk.fail_next_sync();
  harness.log->flush([](const Status&) {});
  harness.disk.run_one();
  // Entry 2 is torn in its middle, entry 3 behind it reaches the disk whole.
  uint64_t first_lost = 0;
  harness.crash([&](const std::string&, uint64_t sector, size_t version_count) -> size_t {
    if (first_lost == 0) first_lost = sector + 1;
    return sector == first_lost ? 0 : version_count;
  });
  harness.must_open();
  EXPECT_THAT(harness.texts(), ElementsAre("synced"));
  // Now the same bytes for entry 2 come again, so that what stood behind the tear would fit: it must not come back.
  harness.append(1, 2, long_text);
  ASSERT_TRUE(harness.flush().ok());
  harness.crash(lose_everything);
  harness.must_open();
  EXPECT_THAT(harness.texts(), ElementsAre("synced", long_text));
  EXPECT_EQ(harness.log->recovered().at(kGroup).last_index, LogIndex(2));
}

TEST(LogCrash, WhatADeadProcessLeftInTheCacheIsDurableOnceItWasRecovered) {
  int recovered_count = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    LogHarness harness;
    harness.must_open();
    harness.disk.run_all();
    harness.append(1, 1, "only in the cache");
    harness.disk.fail_next_sync();
    harness.log->flush([](const Status&) {});
    harness.disk.run_one();
    Prng prng(seed);
    harness.log.reset();
    harness.disk.kill(prng);
    harness.must_open();
    const bool is_recovered = harness.log->recovered().contains(kGroup);
    recovered_count += is_recovered;
    harness.crash(lose_everything);
    harness.must_open();
    ASSERT_EQ(harness.log->recovered().contains(kGroup), is_recovered);
  }
  EXPECT_EQ(recovered_count, 50);
}

TEST(LogCrash, RecycledSegmentsOldRecordsNeverPass) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    LogHarness harness(16 << 10);
    harness.must_open();
    Prng prng(seed);
    // Records of one size, so that old ones stand exactly where new ones would.
    const auto text_of = [](uint64_t index) { return std::to_string(1'000'000 + index) + std::string(193, 'r'); };
    const uint64_t count = 200 + prng.below(200);
    for (uint64_t i = 1; i <= count; ++i) {
      harness.append(1, i, text_of(i));
      ASSERT_TRUE(harness.flush().ok());
      if (i % 50 == 0) harness.log->cut(kGroup, LogIndex(i), Term(1));
    }
    harness.crash(prng);
    harness.must_open();
    const GroupLog& log = harness.log->recovered().at(kGroup);
    ASSERT_EQ(log.last_index, LogIndex(count)) << "seed " << seed;
    const auto texts = harness.texts();
    for (size_t i = 0; i < texts.size(); ++i) ASSERT_EQ(texts[i], text_of(log.start_index.value + 1 + i));
  }
}

/// One group as the model sees it: every state it passed through since the last one known to be durable.
struct ModelState {
  ReplicaNumber replica;
  consensus::HardState hard_state;
  uint64_t start = 0;
  uint64_t start_term = 0;
  std::vector<std::pair<uint64_t, std::string>> entries;  // term and text of start + 1 ..
  friend bool operator==(const ModelState&, const ModelState&) = default;
};
using Model = std::map<GroupId, ModelState>;

class CrashStory {
 public:
  explicit CrashStory(uint64_t seed) : prng_(seed), harness_(4096 * (2 + prng_.below(6))) {
    harness_.options.recycled_segments_max = prng_.below(4);
    harness_.options.copy_beyond_bytes = prng_.chance(1, 3) ? UINT64_MAX : prng_.below(64 << 10);
    harness_.options.copy_tail_bytes_max = 512 << prng_.below(6);
    idle_ = GroupId(prng_.below(4));  // 0: none
  }

  void run() {
    harness_.must_open();
    for (int life = 0; life < 6 && !::testing::Test::HasFatalFailure(); ++life) {
      const uint64_t steps = prng_.below(60);
      for (uint64_t i = 0; i < steps; ++i) step();
      end_life();
      harness_.must_open();
      if (!::testing::Test::HasFatalFailure()) compare();
    }
  }

 private:
  void step() {
    GroupId group(1 + prng_.below(3));
    if (group == idle_ && prng_.chance(3, 4)) group = GroupId(1 + idle_.value % 3);
    ModelState& state = model_[group];
    switch (prng_.below(12)) {
      case 0:
        state.hard_state = hard_state_of(state.hard_state.term.value + prng_.below(3), prng_.below(4));
        harness_.log->append_hard_state(group, state.hard_state);
        break;
      case 1:
        if (!state.entries.empty()) cut(group, state);
        break;
      case 2:
        if (prng_.chance(1, 4)) reset(group, state);
        if (prng_.chance(1, 10)) {
          harness_.log->remove(group);
          state = {};
          if (prng_.chance(1, 2)) {
            state.replica = ReplicaNumber(prng_.next() | 1);
            harness_.log->begin_replica(group, state.replica);
          }
        }
        break;
      case 3:
      case 4:
      case 5:
      case 6:
        append(group, state);
        break;
      case 7:
      case 8:
        harness_.log->flush([this, count = history_.size() + 1](const Status& status) {
          ASSERT_TRUE(status.ok());
          durable_count_ = std::max(durable_count_, count);
        });
        break;
      case 9:
        harness_.clock.advance(Duration(30ms));
        break;
      case 10:
        harness_.disk.run_one();
        break;
      case 11:
        harness_.disk.run_all();
        break;
    }
    history_.push_back(model_);
  }

  void append(GroupId group, ModelState& state) {
    uint64_t at = state.entries.size();
    if (at > 0 && prng_.chance(1, 5)) at -= 1 + prng_.below(std::min<uint64_t>(at, 4));
    state.entries.resize(at);
    ++term_;
    std::vector<consensus::Entry> entries;
    for (uint64_t n = 1 + prng_.below(3); n > 0; --n) {
      const size_t bytes = prng_.chance(1, 20) ? 20'000 : prng_.below(900);
      state.entries.emplace_back(term_, std::to_string(prng_.next()) + std::string(bytes, 'e'));
      entries.push_back(entry_of(term_, state.start + state.entries.size(), state.entries.back().second));
    }
    // One record after the other may become durable.
    for (size_t i = 0; i < entries.size(); ++i) {
      Model partly = model_;
      partly[group].entries.resize(state.entries.size() - entries.size() + i);
      history_.push_back(std::move(partly));
    }
    history_.push_back(model_);
    harness_.log->append_entries(group, entries);
  }

  void cut(GroupId group, ModelState& state) {
    const uint64_t count = 1 + prng_.below(state.entries.size());
    state.start += count;
    state.start_term = state.entries[count - 1].first;
    state.entries.erase(state.entries.begin(), state.entries.begin() + static_cast<ptrdiff_t>(count));
    harness_.log->cut(group, LogIndex(state.start), Term(state.start_term));
  }

  void reset(GroupId group, ModelState& state) {
    state.start += state.entries.size() + prng_.below(50);
    state.start_term = ++term_;
    state.entries.clear();
    harness_.log->reset(group, LogIndex(state.start), Term(state.start_term));
  }

  void end_life() {
    harness_.log.reset();
    harness_.clock.forget_timers();
    if (prng_.chance(1, 3)) {
      harness_.disk.kill(prng_);
    } else {
      harness_.disk.crash(prng_);
    }
  }

  Model recovered() {
    Model found;
    for (const auto& [group, log] : harness_.log->recovered()) {
      ModelState& state = found[group];
      state.replica = log.replica;
      state.hard_state = log.hard_state;
      state.start = log.start_index.value;
      state.start_term = log.start_term.value;
      if (log.last_index == log.start_index) continue;
      auto entries = harness_.log->read(group, log.start_index + 1, log.last_index, SIZE_MAX);
      EXPECT_TRUE(entries.ok());
      for (const auto& entry : entries.value()) state.entries.emplace_back(entry.term.value, entry.payload());
      EXPECT_EQ(state.entries.size(), log.last_index - log.start_index);
      EXPECT_LE(log.term_runs.size(), state.entries.size());
      for (const auto& run : log.term_runs) {
        EXPECT_EQ(state.entries.at(run.first_index - log.start_index - 1).first, run.term.value);
      }
    }
    return found;
  }

  static bool same(const Model& a, const Model& b) {
    for (const Model* model : {&a, &b}) {
      for (const auto& [group, state] : *model) {
        const auto in_a = a.find(group);
        const auto in_b = b.find(group);
        if ((in_a == a.end() ? ModelState() : in_a->second) != (in_b == b.end() ? ModelState() : in_b->second))
          return false;
      }
    }
    return true;
  }

  /// The recovered state is one the log passed through, not before the last acknowledged one.
  void compare() {
    const Model found = recovered();
    for (size_t i = history_.size(); i + 1 > durable_count_; --i) {
      const Model& candidate = i == 0 ? base_ : history_[i - 1];
      if (same(candidate, found)) {
        base_ = model_ = found;
        history_.clear();
        durable_count_ = 0;
        return;
      }
      if (i == 0) break;
    }
    FAIL() << "recovered a state that never was, or one before what was acknowledged";
  }

  Prng prng_;
  LogHarness harness_;
  GroupId idle_;  // lags: it is spoken of more rarely than the others
  uint64_t term_ = 0;
  Model model_;
  Model base_;                  // durable when this life began
  std::vector<Model> history_;  // after each step of this life
  size_t durable_count_ = 0;    // history_[durable_count_ - 1] was acknowledged as durable
};

TEST(LogCrash, RandomStoriesOfAppendsCutsAndCrashesAgreeWithTheModel) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    CrashStory story(seed);
    story.run();
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace torc::storage
