#include "node/unapplied.h"

#include <gtest/gtest.h>

#include <string>

namespace torc::node {
namespace {

std::vector<consensus::Entry> entries(uint64_t first, uint64_t last, uint64_t term = 1, size_t bytes = 100) {
  std::vector<consensus::Entry> made;
  for (uint64_t index = first; index <= last; ++index) {
    made.push_back(consensus::make_entry(Term(term), LogIndex(index), consensus::EntryKind::kNoop,
                                         std::string(std::max(bytes, consensus::kEntryHeaderBytes), '\0')));
  }
  return made;
}

/// (term, index) of each, taken out.
std::vector<std::pair<uint64_t, uint64_t>> take_all(Unapplied& kept) {
  std::vector<std::pair<uint64_t, uint64_t>> taken;
  while (!kept.is_empty()) {
    const consensus::Entry entry = kept.take_front();
    taken.emplace_back(entry.term.value, entry.index.value);
  }
  EXPECT_EQ(kept.bytes(), 0u);
  return taken;
}

using Places = std::vector<std::pair<uint64_t, uint64_t>>;

TEST(Unapplied, WhatIsRewrittenTakesTheFormersPlace) {
  Unapplied kept;
  kept.append(entries(1, 4));
  kept.append(entries(3, 5, 2));
  EXPECT_EQ(take_all(kept), (Places{{1, 1}, {1, 2}, {2, 3}, {2, 4}, {2, 5}}));
}

TEST(Unapplied, KeepsTheOldestOnesUntilTheyPassItsBound) {
  Unapplied kept;
  kept.append(entries(1, 20, 1, 1u << 20));
  EXPECT_EQ(kept.bytes(), Unapplied::kKeptBytesMax);
  kept.append(entries(21, 21));
  kept.append(entries(19, 22, 2));  // of what is not kept anyway
  EXPECT_EQ(take_all(kept).back(), std::pair(uint64_t{1}, uint64_t{16})) << "no gap";
  kept.append(entries(23, 24));
  EXPECT_EQ(kept.front(), LogIndex(23)) << "a gap in front";
}

TEST(Unapplied, WhatIsReadBackComesFirstAndWhatItDoesNotReachIsReadLater) {
  Unapplied kept;
  kept.append(entries(5, 6));
  kept.put_in_front(entries(3, 4));
  EXPECT_EQ(take_all(kept), (Places{{1, 3}, {1, 4}, {1, 5}, {1, 6}}));
  kept.append(entries(9, 9));
  kept.put_in_front(entries(7, 7));
  EXPECT_EQ(take_all(kept), (Places{{1, 7}}));
}

TEST(Unapplied, NeverPassesItsBoundHoweverLargeTheEntriesAre) {
  Unapplied kept;
  kept.append(entries(2, 2, 1, consensus::kEntryBytesMax));
  EXPECT_LE(kept.bytes(), Unapplied::kBytesMax);
  kept.put_in_front(entries(1, 1, 1, consensus::kEntryBytesMax));
  EXPECT_LE(kept.bytes(), Unapplied::kBytesMax);
  EXPECT_EQ(take_all(kept), (Places{{1, 1}})) << "the other one is read back when its turn comes";
}

}  // namespace
}  // namespace torc::node
