#include "server/salvage_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/codec.h"
#include "base/crc32c.h"
#include "kv/batch.h"
#include "kv/position.h"
#include "storage/checkpointer.h"

namespace torc::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr GroupId kGroup{1};

/// Keys and values, as a node's checkpoint holds them; reads fail where a test says so.
class Store : public env::CheckpointStore {
 public:
  std::map<std::string, std::string> contents;
  std::vector<std::pair<std::string, std::string>> bad;  // [first, second): no iterator stands there or passes

  std::unique_ptr<env::CheckpointWriter> begin() override { return std::make_unique<Writer>(*this); }
  std::unique_ptr<env::CheckpointReader> read() override { return std::make_unique<Reader>(*this); }

 private:
  struct Writer : env::CheckpointWriter {
    explicit Writer(Store& of) : store(of) {}
    void put(std::string_view key, std::string_view value) override { store.contents[std::string(key)] = value; }
    void erase(std::string_view key) override { store.contents.erase(std::string(key)); }
    void erase_range(std::string_view, std::string_view) override {}
    size_t bytes_pending() const override { return 0; }
    void stage(std::function<void(Status)> done) override { done({}); }
    void commit(std::function<void(Status)> done) override { done({}); }
    Store& store;
  };
  struct Reader : env::CheckpointReader {
    explicit Reader(Store& of) : store(of), at(of.contents.end()) {}
    void seek(std::string_view key) override {
      at = store.contents.lower_bound(std::string(key));
      is_bad = false;
      look(std::string(key));
    }
    bool valid() const override { return !is_bad && at != store.contents.end(); }
    std::string_view key() const override { return at->first; }
    std::string_view value() const override { return at->second; }
    void next() override {
      const std::string from = at->first;
      ++at;
      look(from);
    }
    Status status() const override { return is_bad ? Status(Error{ErrorCode::kCorrupt, "bad block"}) : Status(); }
    void look(const std::string& from) {
      for (const auto& [first, second] : store.bad) {
        const bool is_before_end = from < second;
        const bool reaches = at == store.contents.end() || at->first >= first;
        is_bad |= is_before_end && reaches && (at != store.contents.end() || from >= first);
      }
    }
    Store& store;
    std::map<std::string, std::string>::iterator at;
    bool is_bad = false;
  };
};

class NoReplies : public kv::ReplyRouter {
 public:
  kv::ReplySink& sink_for(size_t) override { return sink_; }

 private:
  kv::NullSink sink_;
};

class SalvageSourceTest : public ::testing::Test {
 protected:
  /// The next entry.
  void write(kv::CommandId id, std::vector<std::string_view> args, const kv::SessionCall* call = nullptr) {
    kv::BatchBuilder batch(consensus::kEntryHeaderBytes);
    batch.add({id, args}, call);
    const LogIndex index(entries_.size() + 1);
    entries_[index] = consensus::make_entry(Term(1), index, consensus::EntryKind::kCommands, batch.take(WallMs{1000}));
  }
  void set(const std::string& key, const std::string& value) { write(kv::CommandId::kSet, {key, value}); }
  /// Of all entries so far.
  void write_checkpoint() {
    kv::StateMachine state({});
    NoReplies nobody;
    for (const auto& [index, entry] : entries_) ASSERT_TRUE(state.apply(index, entry.payload(), nobody).ok());
    storage::Checkpointer checkpointer(store_, kGroup, state, [](const auto&) {});
    checkpointer.start(Term(1), {{{NodeId(1), ReplicaNumber(1)}}, {}, {}});
    while (checkpointer.step(1u << 20)) {
    }
  }
  std::unique_ptr<SalvageSource> source() {
    auto source = std::make_unique<SalvageSource>("here", storage::SalvagedLog());
    EXPECT_TRUE(source->take_checkpoint(&store_).ok());
    source->apply(entries_);
    return source;
  }

  Store store_;
  Entries entries_;
};

TEST_F(SalvageSourceTest, CheckpointAndLogGiveTheState) {
  set("a", "1");
  set("b", "2");
  write_checkpoint();
  write(kv::CommandId::kAppend, {"a", "5"});
  write(kv::CommandId::kDel, {"b"});
  write(kv::CommandId::kPSetEx, {"c", "700", "x"});
  const auto found = source();
  EXPECT_EQ(found->checkpoint(), LogIndex(2));
  EXPECT_EQ(found->applied(), LogIndex(5));
  EXPECT_THAT(found->keys(), UnorderedElementsAre("a", "b", "c"));
  EXPECT_EQ(found->value_of("a")->value, "15");
  EXPECT_FALSE(found->value_of("a")->is_uncertain);
  EXPECT_FALSE(found->value_of("b").has_value());
  EXPECT_EQ(found->value_of("c")->deadline_ms, 1700);
  EXPECT_THAT(found->missing(), IsEmpty());
}

TEST_F(SalvageSourceTest, WhatIsTouchedBehindAMissingEntryIsUncertain) {
  set("a", "1");
  set("b", "2");
  set("a", "3");
  write(kv::CommandId::kAppend, {"a", "4"});
  entries_.erase(LogIndex(3));
  const auto found = source();
  EXPECT_THAT(found->missing(), ElementsAre(Pair(LogIndex(3), LogIndex(3))));
  EXPECT_TRUE(found->value_of("a")->is_uncertain);
  EXPECT_EQ(found->value_of("b")->value, "2");
}

TEST_F(SalvageSourceTest, ABadBlockCostsWhatIsInItAndNothingElse) {
  for (int i = 0; i < 1000; ++i) set("key" + std::to_string(i), std::to_string(i));
  write_checkpoint();
  const auto first = std::next(store_.contents.begin(), 300);
  const auto last = std::next(first, 100);
  store_.bad.emplace_back(first->first, last->first);
  entries_.erase(entries_.begin(), entries_.end());
  const auto found = source();
  EXPECT_EQ(found->unreadable().size(), 1u);
  size_t readable = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string key = "key" + std::to_string(i);
    const auto value = found->value_of(key);
    EXPECT_EQ(value.has_value(), found->can_read(kv::position_of(key))) << key;
    if (!value) continue;
    EXPECT_EQ(value->value, std::to_string(i));
    ++readable;
  }
  EXPECT_EQ(readable, 899u) << "the first key behind the block may belong to it, for all that a search can tell";
}

TEST_F(SalvageSourceTest, ACheckpointWhoseRecordIsLostIsUncertainUnlessTheLogHasItAll) {
  set("a", "1");
  write_checkpoint();
  store_.contents.begin()->second[0] ^= 1;
  EXPECT_FALSE(source()->value_of("a")->is_uncertain);
  set("b", "2");
  entries_.erase(LogIndex(1));
  const auto found = source();
  ASSERT_TRUE(found->value_of("a"));
  EXPECT_EQ(found->value_of("a")->value, "1");
  EXPECT_TRUE(found->value_of("a")->is_uncertain);
  EXPECT_EQ(found->value_of("b")->value, "2");
}

// What a follower passed on names a session, and where that began may be lost.
// Its images have other keys: read as they are now, all of them would count as damaged and be left out.
TEST_F(SalvageSourceTest, ACheckpointOfAnEarlierFormatIsRefusedAndNotTakenForDamage) {
  write(kv::CommandId::kSet, {"a", "1"});
  write_checkpoint();
  std::string& record = store_.contents.at(storage::checkpoint_meta_key(kGroup));
  record[4] = 1;
  store_u32(record.data(), crc32c(std::string_view(record).substr(4)));
  SalvageSource source("here", {});
  EXPECT_EQ(source.take_checkpoint(&store_).error().code, ErrorCode::kVersion);
}

TEST_F(SalvageSourceTest, BehindAGapCommandsOfUnknownSessionsAreExecutedOnce) {
  set("a", "1");
  write(kv::CommandId::kOpenSession, {"session"});  // lost: nobody looks at it
  const kv::SessionCall call{kv::SessionId(0, 7), 5, 5};
  write(kv::CommandId::kAppend, {"a", "2"}, &call);
  write(kv::CommandId::kAppend, {"a", "2"}, &call);  // sent again after a lost answer
  entries_.erase(LogIndex(2));
  const auto found = source();
  ASSERT_TRUE(found->value_of("a"));
  EXPECT_EQ(found->value_of("a")->value, "12");
  EXPECT_TRUE(found->value_of("a")->is_uncertain);
}

}  // namespace
}  // namespace torc::server
