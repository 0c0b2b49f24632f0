#include "node/deadlines.h"

#include <gtest/gtest.h>

namespace torc::node {
namespace {

constexpr Instant at(int64_t ms) { return Instant{} + ms * 1ms; }

struct FourPlaces : Deadlines {
  FourPlaces() { resize(4); }
  std::vector<uint32_t> take_all(Instant now) {
    std::vector<uint32_t> places;
    while (const auto place = take_due(now)) places.push_back(*place);
    return places;
  }
};
using Places = std::vector<uint32_t>;

TEST(Deadlines, PlacesComeByTimeThenByNumberAndOnce) {
  FourPlaces deadlines;
  EXPECT_EQ(deadlines.next(), Instant::never());
  deadlines.set(3, at(10));
  deadlines.set(1, at(20));
  deadlines.set(0, at(10));
  EXPECT_EQ(deadlines.next(), at(10));
  EXPECT_EQ(deadlines.take_all(at(9)), Places());
  EXPECT_EQ(deadlines.take_all(at(10)), (Places{0, 3}));
  EXPECT_EQ(deadlines.next(), at(20));
  EXPECT_EQ(deadlines.take_all(at(99)), Places{1});
  EXPECT_EQ(deadlines.next(), Instant::never());
}

TEST(Deadlines, AnEarlierOneCountsAtOnceAndALaterOneWhenTheFormerComes) {
  FourPlaces deadlines;
  deadlines.set(2, at(50));
  deadlines.set(2, at(30));
  EXPECT_EQ(deadlines.next(), at(30));
  deadlines.set(2, at(70));
  EXPECT_EQ(deadlines.take_all(at(30)), Places{2});
  EXPECT_EQ(deadlines.take_all(at(60)), Places()) << "what was moved does not come again";
  deadlines.set(2, at(70));
  deadlines.set(2, at(50));
  EXPECT_EQ(deadlines.take_all(at(70)), Places{2});
  EXPECT_EQ(deadlines.next(), Instant::never());
}

}  // namespace
}  // namespace torc::node
