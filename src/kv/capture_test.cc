// Checkpoints under way while commands go on: whatever the moment, images and header are exactly as of begin_capture(),
// and replaying the later entries on top of them gives the live state again (rules.md#images-as-of-an-index).
#include <gtest/gtest.h>

#include <map>

#include "base/prng.h"
#include "kv/command_script.h"
#include "kv/image_format.h"
#include "kv/position.h"

namespace torc::kv {
namespace {

/// A checkpoint store in a map; checks the order that the real one relies on.
class Store final : public ImageSink {
 public:
  void put(std::string_view key, std::string_view value) override {
    expect_ascending(key);
    pending_[std::string(key)] = std::string(value);
    trace_ += "put " + std::string(key) + "=" + std::string(value) + "\n";
  }
  void erase(std::string_view key) override {
    expect_ascending(key);
    pending_[std::string(key)] = std::nullopt;
    trace_ += "erase " + std::string(key) + "\n";
  }
  void erase_range(std::string_view begin, std::string_view end) override {
    EXPECT_TRUE(pending_.empty()) << "puts of this generation must come after";
    EXPECT_EQ(begin, images_of({}).begin);
    EXPECT_EQ(end, images_of({}).end);
    erases_all_ = true;
    trace_ += "erase all\n";
  }
  void commit() {
    if (erases_all_) images.clear();
    for (auto& [key, value] : pending_) value ? void(images[key] = *value) : void(images.erase(key));
    forget();
  }
  void forget() {
    pending_.clear();
    erases_all_ = false;
    last_.clear();
  }
  std::string take_trace() { return std::exchange(trace_, {}); }

  std::map<std::string, std::string> images;

 private:
  void expect_ascending(std::string_view key) {
    EXPECT_LT(last_, key);
    last_ = key;
  }
  std::map<std::string, std::optional<std::string>> pending_;
  bool erases_all_ = false;
  std::string last_;
  std::string trace_;
};

std::unique_ptr<StateMachine> restored(const Store& store, std::string_view header, LogIndex applied, uint64_t seed) {
  auto machine = std::make_unique<StateMachine>(StateMachineOptions{seed});
  EXPECT_TRUE(machine->restore_header(header, applied).ok());
  for (const auto& [key, value] : store.images) EXPECT_TRUE(machine->restore(key, value).ok());
  return machine;
}

void capture_all(StateMachine& machine, Store& store) {
  machine.begin_capture();
  EXPECT_TRUE(machine.continue_capture(store, SIZE_MAX));
  store.commit();
  machine.end_capture(true);
}

TEST(Capture, AReplayedAppendIsAppliedOnce) {
  ScriptMachine node;
  Store store;
  node.run("SET a a");
  node.machine.begin_capture();
  const std::string header = node.machine.captured_header();
  const LogIndex captured = node.machine.applied();
  node.run("APPEND a b");
  EXPECT_TRUE(node.machine.continue_capture(store, SIZE_MAX));
  store.commit();
  node.machine.end_capture(true);

  ScriptMachine again(2);
  ASSERT_TRUE(again.machine.restore_header(header, captured).ok());
  for (const auto& [key, value] : store.images) ASSERT_TRUE(again.machine.restore(key, value).ok());
  again.index = captured.value;
  EXPECT_EQ(again.run("GET a"), "\"a\"\n");
  again.run("APPEND a b");
  EXPECT_EQ(again.run("GET a"), "\"ab\"\n");
  EXPECT_EQ(again.machine.digest(), node.machine.digest());
}

TEST(Capture, WritesOnlyWhatChangedSinceTheLastOne) {
  ScriptMachine node;
  Store store;
  node.run("MSET a 1 b 2 c 3");
  EXPECT_GT(node.machine.bytes_dirty(), 0u);
  capture_all(node.machine, store);
  EXPECT_EQ(node.machine.bytes_dirty(), 0u);
  EXPECT_EQ(store.images.size(), 3u);
  store.take_trace();
  node.run("SET b 4");
  node.run("DEL c");
  capture_all(node.machine, store);
  std::string key_b, key_c;
  put_image_key(key_b, position_of("b"), "b");
  put_image_key(key_c, position_of("c"), "c");
  const std::string trace = store.take_trace();
  EXPECT_NE(trace.find("put " + key_b), std::string::npos);
  EXPECT_NE(trace.find("erase " + key_c), std::string::npos);
  EXPECT_EQ(store.images.size(), 2u);
  capture_all(node.machine, store);
  EXPECT_EQ(store.take_trace(), "") << "nothing changed";
}

TEST(Capture, AKeyThatNeverReachedTheStoreLeavesNoTombstone) {
  ScriptMachine node;
  Store store;
  node.run("SET a 1");
  node.run("DEL a");
  capture_all(node.machine, store);
  EXPECT_EQ(store.take_trace(), "");
}

TEST(Capture, WhatAFailedCaptureHeldIsWrittenByTheNext) {
  ScriptMachine node;
  Store store;
  node.run("MSET a 1 b 2 gone 3");
  capture_all(node.machine, store);
  node.run("SET a 5");
  node.run("DEL gone");
  for (const size_t bytes_max : {size_t{1}, SIZE_MAX}) {  // fails half way, and at the end
    node.machine.begin_capture();
    node.machine.continue_capture(store, bytes_max);
    node.run("DEL b");
    node.machine.end_capture(false);
    store.forget();
  }
  EXPECT_GT(node.machine.bytes_dirty(), 0u);
  capture_all(node.machine, store);
  EXPECT_EQ(store.images.size(), 1u);
  node.machine.begin_capture();
  const auto again = restored(store, node.machine.captured_header(), node.machine.applied(), 3);
  node.machine.end_capture(false);
  EXPECT_EQ(again->digest(), node.machine.digest());
}

TEST(Capture, AKeyDeletedAndMadeAnewAroundAFailedCaptureStillGetsItsTombstone) {
  ScriptMachine node;
  Store store;
  node.run("SET a 1");
  capture_all(node.machine, store);
  node.run("DEL a");
  node.machine.begin_capture();
  EXPECT_TRUE(node.machine.continue_capture(store, SIZE_MAX));
  node.run("SET a 2");
  node.machine.end_capture(false);
  store.forget();
  node.run("DEL a");
  capture_all(node.machine, store);
  EXPECT_TRUE(store.images.empty());
}

TEST(Capture, RestoreRefusesDamagedImages) {
  ScriptMachine node;
  Store store;
  node.run("SET key value EX 100");
  node.machine.begin_capture();
  const std::string header = node.machine.captured_header();
  EXPECT_TRUE(node.machine.continue_capture(store, SIZE_MAX));
  store.commit();
  node.machine.end_capture(true);
  const auto [key, value] = *store.images.begin();
  for (size_t size = 0; size < header.size(); ++size) {
    StateMachine machine({});
    EXPECT_FALSE(machine.restore_header(header.substr(0, size), LogIndex(1)).ok());
  }
  StateMachine machine({});
  EXPECT_FALSE(machine.restore_header(header + "x", LogIndex(1)).ok());
  StateMachine target({});
  ASSERT_TRUE(target.restore_header(header, LogIndex(1)).ok());
  for (size_t size = 0; size < key.size(); ++size) EXPECT_FALSE(target.restore(key.substr(0, size), value).ok());
  for (size_t size = 0; size < 18; ++size) EXPECT_FALSE(target.restore(key, value.substr(0, size)).ok());
  EXPECT_FALSE(target.restore("\x02" + key.substr(1), value).ok());
  EXPECT_FALSE(target.restore(key, "\x02" + value.substr(1)).ok());
  EXPECT_FALSE(target.restore(key, value.substr(0, 1) + "\x01" + value.substr(2)).ok());
  EXPECT_FALSE(target.restore(key, value.substr(0, 2) + std::string(8, '\x7f') + value.substr(10)).ok());
  ASSERT_TRUE(target.restore(key, value).ok());
  EXPECT_FALSE(target.restore(key, value).ok()) << "twice";
}

// ---- random histories ----

std::string random_key(Prng& prng) {
  static constexpr const char* kKeys[] = {"a",    "b",    "c",    "{t}1",
                                          "{t}2", "{t}3", "{t}4", "long-key-of-more-than-16-bytes"};
  return prng.chance(3, 4) ? kKeys[prng.below(std::size(kKeys))] : "k" + std::to_string(prng.below(60));
}

std::string random_value(Prng& prng) {
  if (prng.chance(1, 2)) return std::to_string(prng.below(100));
  return std::string(prng.below(prng.chance(1, 8) ? 3000 : 90), static_cast<char>('a' + prng.below(26)));
}

/// Any command with arguments of mostly the right kind.
void add_random_operation(Prng& prng, BatchBuilder& batch, std::vector<SessionId>& sessions) {
  const auto rows = command_traits();
  const CommandTraits* row = &rows[prng.below(rows.size())];
  if (row->id == CommandId::kFlushAll && prng.chance(3, 4)) row = traits_of(CommandId::kDel);
  std::vector<std::string> words;
  const size_t least = static_cast<size_t>(row->arity < 0 ? -row->arity : row->arity) - 1;
  for (size_t i = 0; i < least + (row->arity < 0 ? prng.below(4) : 0); ++i) {
    const bool is_key =
        row->first_key != 0 && (row->last_key < 0 ? i % static_cast<size_t>(row->key_step) == 0 : i == 0);
    static constexpr const char* kWords[] = {"NX",      "XX", "GET", "EX", "PX", "KEEPTTL",
                                             "PERSIST", "GT", "LT",  "5",  "900"};
    const bool is_option = row->id == CommandId::kFlushAll || (row->arity < 0 && row->last_key == 1 && i >= least);
    words.push_back(is_key ? random_key(prng) : is_option ? kWords[prng.below(std::size(kWords))] : random_value(prng));
  }
  CommandId id = row->id;
  if (prng.chance(1, 40)) {
    id = CommandId::kPurge;
    words = {random_key(prng), random_key(prng)};
  } else if (prng.chance(1, 60)) {
    id = CommandId::kSetBack;
    const uint64_t stamp_ms = prng.below(2'000'000);
    words = {std::to_string(stamp_ms), std::to_string(prng.below(400)),
             std::to_string(stamp_ms + prng.below(2) * prng.below(2'000'000))};
  }
  const std::vector<std::string_view> args(words.begin(), words.end());
  if (prng.chance(1, 3) && !sessions.empty()) {
    const uint64_t floor = prng.below(50);
    const SessionCall call{sessions[prng.below(sessions.size())], floor + prng.below(20), floor, prng.chance(1, 4)};
    batch.add({id, args}, &call);
  } else {
    batch.add({id, args});
  }
}

struct Entry {
  LogIndex index;
  std::string payload;
};

class RandomHistory : public ::testing::TestWithParam<uint64_t> {};

TEST_P(RandomHistory, RestoringAnyCaptureAndReplayingTheRestGivesTheLiveState) {
  Prng prng(GetParam());
  StateMachine live(StateMachineOptions{prng.next()});
  StateMachine twin(StateMachineOptions{prng.next()});  // the same log, another secret seed
  Store store, twin_store;
  std::vector<Entry> log;
  std::vector<SessionId> sessions;
  WallMs now{1000};
  std::string durable_header, header;
  LogIndex durable_index, captured_index;

  const auto apply_one = [&] {
    now.ms += static_cast<int64_t>(prng.below(prng.chance(1, 50) ? 2000000 : 200));
    BatchBuilder batch(0);
    if (prng.chance(1, 20)) {
      sessions.push_back(draw_session_id(prng));
      const SessionCall call{.session = sessions.back(), .is_first_send = true};
      batch.add({CommandId::kOpenSession, {}}, &call);
    } else {
      for (uint64_t n = prng.between(1, 6); n > 0; --n) add_random_operation(prng, batch, sessions);
    }
    log.push_back(Entry{LogIndex(log.size() + 1), batch.take(now)});
    TextSink reply, twin_reply;
    OneSinkRouter router(reply), twin_router(twin_reply);
    ASSERT_TRUE(live.apply(log.back().index, log.back().payload, router).ok());
    ASSERT_TRUE(twin.apply(log.back().index, log.back().payload, twin_router).ok());
    ASSERT_EQ(reply.text(), twin_reply.text());
  };

  for (int round = 0; round < 25; ++round) {
    for (uint64_t n = prng.below(20); n > 0; --n) apply_one();
    captured_index = live.applied();
    live.begin_capture();
    twin.begin_capture();
    header = live.captured_header();
    const uint64_t digest_at_capture = live.digest();
    const size_t bytes_per_step = prng.between(1, 600);
    const bool fails_early = prng.chance(1, 5);
    bool is_done = false;
    while (!is_done && !(fails_early && prng.chance(1, 4))) {
      for (uint64_t n = prng.below(3); n > 0; --n) apply_one();
      is_done = live.continue_capture(store, bytes_per_step);
      ASSERT_EQ(twin.continue_capture(twin_store, bytes_per_step), is_done);
      ASSERT_EQ(store.take_trace(), twin_store.take_trace()) << "images do not depend on the hash seed";
    }
    for (uint64_t n = prng.below(5); n > 0; --n) apply_one();
    const bool is_durable = is_done && prng.chance(4, 5);
    if (is_durable) {
      store.commit();
      durable_header = header;
      durable_index = captured_index;
    }
    store.forget();
    twin_store.forget();
    live.end_capture(is_durable);
    twin.end_capture(is_durable);
    if (!durable_index) continue;

    const auto again = restored(store, durable_header, durable_index, prng.next());
    if (is_durable) {
      ASSERT_EQ(again->digest(), digest_at_capture);
    }
    for (size_t i = durable_index.value; i < log.size(); ++i) {
      NullSink nowhere;
      OneSinkRouter router(nowhere);
      ASSERT_TRUE(again->apply(log[i].index, log[i].payload, router).ok());
    }
    ASSERT_EQ(again->digest(), live.digest()) << "seed " << GetParam() << " round " << round;
    ASSERT_EQ(again->key_count(), live.key_count());
    ASSERT_EQ(again->due_keys(WallMs{INT64_MAX}, SIZE_MAX, SIZE_MAX).keys,
              live.due_keys(WallMs{INT64_MAX}, SIZE_MAX, SIZE_MAX).keys);
    ASSERT_EQ(twin.digest(), live.digest());
    ASSERT_EQ(twin.bytes_used(), live.bytes_used());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomHistory, ::testing::Range<uint64_t>(1, 25));

}  // namespace
}  // namespace torc::kv
