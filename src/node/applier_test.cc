#include "node/applier.h"

#include <gtest/gtest.h>

#include "node/group_test_world.h"

namespace torc::node {
namespace {

using consensus::EntryKind;

/// A log, an applier behind it, and one client that waits for nothing in particular.
struct Story {
  sim::EventQueue queue;
  sim::Process process{queue, Prng(1), [] {}};
  sim::SimClock clock{queue, process, {}};
  sim::Disk disk;
  std::unique_ptr<storage::Log> log = open_log();
  Clients clients;
  Port port;
  ClientId client = clients.open(port);
  Proposals proposals{consensus::kEntryHeaderBytes, {}};
  Applier applier{kGroup, {}, *log, clients};
  LogIndex last;

  std::unique_ptr<storage::Log> open_log() {
    process.start();
    return *storage::Log::open(disk, clock, {});
  }
  consensus::Entry entry(std::string payload) {
    return consensus::make_entry(Term(1), last = last + 1, EntryKind::kCommands, std::move(payload));
  }
  consensus::Entry entry(kv::CommandId id, std::vector<std::string_view> args) {
    kv::BatchBuilder batch(consensus::kEntryHeaderBytes);
    batch.add({id, args});
    return entry(batch.take(WallMs{1000}));
  }
  void write_to_log(std::vector<consensus::Entry> entries) {
    log->append_entries(kGroup, entries);
    log->flush([](const Status& status) { EXPECT_TRUE(status.ok()); });
    disk.run_all();
  }
  Request get(Ticket ticket) {
    static const std::vector<std::string_view> kArgs{"k"};
    clients.start({client, ticket}, GroupId(1), false);
    return {.waiter = {client, ticket}, .command = {kv::CommandId::kGet, kArgs}};
  }
};

TEST(Applier, WhatIsNotKeptInMemoryIsReadBackFromTheLog) {
  Story story;
  std::vector<consensus::Entry> entries;
  for (int i = 0; i < 5; ++i) entries.push_back(story.entry(kv::CommandId::kIncr, {"k"}));
  story.write_to_log(entries);
  story.applier.appended({entries.begin() + 3, entries.end()});
  story.applier.committed(LogIndex(4));
  while (story.applier.is_behind()) ASSERT_TRUE(story.applier.apply_on(story.proposals, story.last, UINT64_MAX).ok());
  EXPECT_EQ(story.applier.applied(), LogIndex(4)) << "the fifth is not committed";
  ASSERT_TRUE(story.applier.answer(story.get(1), WallMs{1000}));
  story.clients.end({story.client, 1});
  EXPECT_EQ(story.port.answers[1], "4");
}

TEST(Applier, AnEntryThatNoReplicaUnderstandsIsNoDamageOfThisDisk) {
  Story story;
  story.applier.appended({story.entry(std::string(consensus::kEntryHeaderBytes + 3, '\xff'))});
  story.applier.committed(LogIndex(1));
  const Result<uint64_t> work = story.applier.apply_on(story.proposals, story.last, UINT64_MAX);
  ASSERT_FALSE(work.ok());
  EXPECT_EQ(work.error().code, ErrorCode::kInvalid);
}

// Only entries delete: a read of what has expired waits for one (rules.md#leader-time).
TEST(Applier, AReadThatWouldAnswerExpiredBeginsNoAnswer) {
  Story story;
  story.applier.appended({story.entry(kv::CommandId::kSet, {"k", "v", "PXAT", "2000"})});
  story.applier.committed(LogIndex(1));
  ASSERT_TRUE(story.applier.apply_on(story.proposals, story.last, UINT64_MAX).ok());
  const Request read = story.get(1);
  EXPECT_FALSE(story.applier.answer(read, WallMs{2000}));
  ASSERT_TRUE(story.applier.answer(read, WallMs{1999}));
  story.clients.end({story.client, 1});
  EXPECT_EQ(story.port.answers[1], "v") << "the first attempt left nothing";
}

}  // namespace
}  // namespace torc::node
