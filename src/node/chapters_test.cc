#include "node/chapters.h"

#include <gmock/gmock.h>

#include "sim/disk.h"

namespace torc::node {
namespace {

using testing::ElementsAre;
using Verdict = Chapters::Verdict;

const LifeId kPeer{NodeId(2), Incarnation(20)};

/// The directory of a node that may crash.
struct Directory {
  sim::Disk disk;
  Prng prng{5};
  std::unique_ptr<Chapters> chapters;
  std::optional<Error> fatal;

  Directory() { open(); }
  void open() {
    chapters = std::move(Chapters::open(disk)).value();
    chapters->set_on_fatal([this](const Error& error) { fatal = error; });
  }
  void begin(uint64_t nonce) {
    chapters->begin(nonce);
    disk.run_all();
  }
  void lose_power() {
    chapters.reset();
    disk.crash(prng);
    open();
  }
};

/// A peer in its chapter `number`; the nonce of chapter n is 1000 n, but for the last one if another is given.
wire::Introduction in_chapter(uint64_t number, uint64_t last_nonce = 0) {
  wire::Introduction introduction;
  introduction.self = kPeer;
  introduction.chapter = number;
  for (uint64_t chapter = number > wire::kChapterNoncesMax ? number - wire::kChapterNoncesMax + 1 : 1;
       chapter <= number; ++chapter) {
    introduction.nonces.push_back(chapter * 1000);
  }
  if (last_nonce != 0) introduction.nonces.back() = last_nonce;
  return introduction;
}

/// Notes the chapter, durably.
Verdict note(Directory& directory, const wire::Introduction& introduction) {
  directory.chapters->note(introduction);
  directory.disk.run_all();
  return directory.chapters->note(introduction);
}

TEST(Chapters, AChapterCountsOnceItIsDurable) {
  Directory directory;
  directory.chapters->begin(7);
  EXPECT_EQ(directory.chapters->durable().own, 0u);
  directory.disk.run_all();
  EXPECT_EQ(directory.chapters->durable().own, 1u);
  EXPECT_THAT(directory.chapters->durable().nonces, ElementsAre(7));
}

TEST(Chapters, WhatIsDurableIsThereAfterAPowerLossAndACrashSpoilsNothing) {
  Directory directory;
  uint64_t durable = 0;
  for (uint64_t round = 1; round <= 200; ++round) {
    directory.chapters->begin(round);
    if (round % 3 == 0) directory.chapters->note({{kPeer, {round, round}}});
    if (round % 2 == 0) directory.disk.run_all();
    durable = std::max(durable, directory.chapters->durable().own);
    directory.lose_power();
    const ChapterBook& book = directory.chapters->durable();
    EXPECT_GE(book.own, durable);
    EXPECT_EQ(book.nonces.size(), std::min<uint64_t>(book.own, wire::kChapterNoncesMax));
    durable = book.own;
  }
  EXPECT_GT(durable, 100u);
}

// Two pieces of news at once were written over the only slot that was durable (torc-sim seed 722, five nodes): the
// power failed, the chapter that peers had been told of was gone, and the node gave up good data as an old copy.
TEST(Chapters, HoweverMuchIsNewItIsNeverWrittenOverWhatIsDurable) {
  for (uint64_t news = 1; news <= 4; ++news) {
    Directory directory;
    for (uint64_t round = 1; round <= 50; ++round) {
      directory.begin(round);
      const uint64_t durable = directory.chapters->durable().own;
      std::vector<wire::NotedChapter> told;
      for (uint64_t node = 2; node < 2 + news; ++node) told.push_back({{NodeId(node), Incarnation(1)}, {round, round}});
      directory.chapters->note(told);
      directory.lose_power();
      ASSERT_GE(directory.chapters->durable().own, durable) << news << " news, round " << round;
    }
  }
}

TEST(Chapters, OnlyTheLatestNoncesAreKept) {
  Directory directory;
  for (uint64_t round = 1; round <= wire::kChapterNoncesMax + 1; ++round) directory.begin(round);
  EXPECT_EQ(directory.chapters->durable().nonces.size(), wire::kChapterNoncesMax);
  EXPECT_EQ(directory.chapters->durable().nonces.front(), 2u);
  EXPECT_EQ(directory.chapters->durable().nonces.back(), wire::kChapterNoncesMax + 1);
}

TEST(Chapters, ALaterChapterIsNotedBeforeItIsTrusted) {
  Directory directory;
  EXPECT_EQ(directory.chapters->note(in_chapter(3)), Verdict::kWriting);
  EXPECT_EQ(directory.chapters->note(in_chapter(3)), Verdict::kWriting);
  directory.disk.run_all();
  EXPECT_EQ(directory.chapters->note(in_chapter(3)), Verdict::kNoted);
  EXPECT_EQ(note(directory, in_chapter(5)), Verdict::kNoted);
  directory.lose_power();
  EXPECT_EQ(directory.chapters->noted(kPeer), (wire::Chapter{5, 5000}));
}

TEST(Chapters, WhoLacksTheNotedChapterIsAnOldCopy) {
  Directory directory;
  ASSERT_EQ(note(directory, in_chapter(5)), Verdict::kNoted);
  EXPECT_EQ(directory.chapters->note(in_chapter(4)), Verdict::kOldCopy) << "it ends before";
  EXPECT_EQ(directory.chapters->note(in_chapter(5, 1)), Verdict::kOldCopy) << "it went another way";
  wire::Introduction restarted = in_chapter(8);
  restarted.nonces[4] = 1;
  EXPECT_EQ(directory.chapters->note(restarted), Verdict::kOldCopy) << "also after some starts nobody saw";
  EXPECT_EQ(directory.chapters->noted(kPeer), (wire::Chapter{5, 5000})) << "and changes nothing";
  EXPECT_EQ(note(directory, in_chapter(8)), Verdict::kNoted);
}

TEST(Chapters, OfChaptersLongPastNothingIsClaimed) {
  Directory directory;
  ASSERT_EQ(note(directory, in_chapter(5)), Verdict::kNoted);
  const uint64_t last_told = 5 + wire::kChapterNoncesMax - 1;
  wire::Introduction copy = in_chapter(last_told);
  copy.nonces.front() = 1;
  EXPECT_EQ(directory.chapters->note(copy), Verdict::kOldCopy);
  EXPECT_EQ(note(directory, in_chapter(last_told + 1)), Verdict::kNoted) << "this node was away for long";
}

TEST(Chapters, AnotherLifeOfTheNodeIsAnotherStory) {
  Directory directory;
  ASSERT_EQ(note(directory, in_chapter(5)), Verdict::kNoted);
  wire::Introduction newborn = in_chapter(1);
  newborn.self.incarnation = Incarnation(21);
  EXPECT_EQ(note(directory, newborn), Verdict::kNoted);
  EXPECT_EQ(directory.chapters->note(in_chapter(4)), Verdict::kOldCopy) << "the former one is not forgotten";
}

TEST(Chapters, WhatPeersHaveWrittenDownIsWrittenDown) {
  Directory directory;
  directory.chapters->note({{kPeer, {5, 5000}}, {{NodeId(3), Incarnation(30)}, {2, 7}}});
  directory.disk.run_all();
  directory.chapters->note({{kPeer, {4, 4000}}});  // old news
  EXPECT_EQ(directory.chapters->noted(kPeer), (wire::Chapter{5, 5000}));
  EXPECT_EQ(directory.chapters->note(in_chapter(5, 1)), Verdict::kOldCopy);
  EXPECT_EQ(directory.chapters->note(in_chapter(5)), Verdict::kNoted);
}

TEST(Chapters, LivesNotedAreBoundedAndTheOneUnheardForLongestGoes) {
  Directory directory;
  for (uint64_t life = 1; life <= wire::kNotedChaptersMax + 1; ++life) {
    directory.chapters->note({{{NodeId(3), Incarnation(life)}, {1, 1}}});
  }
  directory.disk.run_all();
  EXPECT_EQ(directory.chapters->durable().noted.size(), wire::kNotedChaptersMax);
  EXPECT_EQ(directory.chapters->noted({NodeId(3), Incarnation(1)}).number, 0u);
  EXPECT_EQ(directory.chapters->noted({NodeId(3), Incarnation(2)}).number, 1u);
}

TEST(Chapters, AFullDiskNeedsNoMoreSpaceForThem) {
  Directory directory;
  directory.disk.set_capacity_bytes(directory.disk.bytes_used());
  for (uint64_t round = 1; round <= 300; ++round) directory.begin(round);
  EXPECT_EQ(directory.chapters->durable().own, 300u);
}

TEST(Chapters, AFailedSyncIsFatal) {
  Directory directory;
  directory.disk.fail_next_sync();
  directory.begin(1);
  ASSERT_TRUE(directory.fatal);
  EXPECT_EQ(directory.fatal->code, ErrorCode::kIo);
  EXPECT_EQ(directory.chapters->durable().own, 0u);
}

TEST(Chapters, TheFileHoldsTheMostThereCanBeAndOneDamagedSlotIsReplacedByTheOther) {
  ChapterBook book{7, 300, std::vector<uint64_t>(wire::kChapterNoncesMax, UINT64_MAX), {}};
  book.noted.assign(wire::kNotedChaptersMax, {{NodeId(UINT64_MAX), Incarnation(UINT64_MAX)}, {UINT64_MAX, UINT64_MAX}});
  const std::string slot = encode_slot(book);
  ASSERT_EQ(slot.size(), kChapterSlotBytes);
  ChapterBook earlier = book;
  earlier.revision = 6;
  const std::string file = encode_slot(earlier) + slot;
  EXPECT_EQ(decode_slots(file).value(), book);
  for (const size_t at : {0, 8, 12, 16, 40, 4000}) {
    std::string damaged = file;
    damaged[kChapterSlotBytes + at] ^= 1;
    EXPECT_EQ(decode_slots(damaged).value(), earlier) << at;
    damaged[at] ^= 1;
    EXPECT_EQ(decode_slots(damaged).error().code, ErrorCode::kCorrupt) << at;
  }
  EXPECT_FALSE(decode_slots("").ok());
}

}  // namespace
}  // namespace torc::node
