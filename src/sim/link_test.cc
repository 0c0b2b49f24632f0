// Two connections over one wire: who waits for what, and for how long.
#include "sim/link.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace torc::sim {
namespace {

constexpr auto kControl = env::Channel::kControl;
constexpr auto kBulk = env::Channel::kBulk;

class OneLink : public testing::Test {
 protected:
  void set(uint64_t bytes_per_ms, Duration buffer = 0ms) { link_.set_bandwidth({bytes_per_ms * 1000, buffer}); }
  bool offer(env::Channel channel, char name, size_t bytes) {
    return link_.offer(channel, LinkFrame{1, Bytes(std::string(bytes, name))});
  }
  void run_until(int64_t ms) { queue_.run_until(Instant{ms * 1'000'000}); }

  EventQueue queue_;
  std::vector<std::string> arrived_;  // "a at 5": the frame's first byte, and when it is through the buffer, in ms
  bool has_room_ = true;              // of the receiver
  Link link_{queue_, [this](env::Channel, const LinkFrame& frame, Duration behind) {
               const auto ms = (queue_.now() + behind).ns / 1'000'000;
               arrived_.push_back(std::string(frame.body.view().substr(0, 1)) + " at " + std::to_string(ms));
               return has_room_;
             }};
};
using Arrivals = std::vector<std::string>;

TEST_F(OneLink, AnUnlimitedWireTakesNoTime) {
  EXPECT_TRUE(offer(kBulk, 'a', 60'000'000));
  EXPECT_TRUE(offer(kControl, 'b', 100));
  EXPECT_EQ(arrived_, (Arrivals{"a at 0", "b at 0"}));
}

TEST_F(OneLink, AFrameTakesItsBytesAndTheNextOneWaitsForIt) {
  set(100);
  EXPECT_TRUE(offer(kBulk, 'a', 1000));
  EXPECT_TRUE(offer(kBulk, 'b', 500));
  run_until(100);
  EXPECT_EQ(arrived_, (Arrivals{"a at 10", "b at 15"}));
}

TEST_F(OneLink, ASmallFrameSharesTheWireWithTheBigOneOfTheOtherConnectionAndDoesNotWaitForIt) {
  set(100);
  EXPECT_TRUE(offer(kBulk, 'B', 10'000));
  run_until(10);
  EXPECT_TRUE(offer(kControl, 'c', 500));
  run_until(1000);
  EXPECT_EQ(arrived_, (Arrivals{"c at 20", "B at 105"})) << "half the rate for 5 ms worth of bytes";
}

TEST_F(OneLink, WhileMoreWaitsEverybodyGoesThroughAFullBuffer) {
  set(100, 30ms);
  EXPECT_TRUE(offer(kControl, 'x', 500));
  run_until(10);
  EXPECT_TRUE(offer(kBulk, 'B', 10'000));
  EXPECT_TRUE(offer(kControl, 'c', 500));
  run_until(1000);
  EXPECT_EQ(arrived_, (Arrivals{"x at 5", "c at 50", "B at 115"})) << "the buffer is empty behind the last frame";
}

TEST_F(OneLink, ADirectionThatIsHeldSendsNothingAndThenAll) {
  link_.set_held(true);
  EXPECT_TRUE(offer(kControl, 'a', 10));
  EXPECT_TRUE(offer(kBulk, 'b', 10));
  run_until(50);
  EXPECT_TRUE(arrived_.empty());
  EXPECT_EQ(link_.queued_bytes(kControl), 10u);
  link_.set_held(false);
  EXPECT_EQ(arrived_, (Arrivals{"a at 50", "b at 50"}));
  EXPECT_EQ(link_.queued_bytes(kControl), 0u);
}

TEST_F(OneLink, AFullQueueDropsButAnEmptyOneTakesAnyFrame) {
  for (const env::Channel channel : {kControl, kBulk}) {
    link_.set_held(true);
    const size_t most = env::queued_bytes_max(channel);
    EXPECT_TRUE(offer(channel, 'a', most + 1));
    EXPECT_FALSE(offer(channel, 'b', 1));
    link_.drop_queue(channel);
    EXPECT_TRUE(offer(channel, 'a', most - 1));
    EXPECT_TRUE(offer(channel, 'b', 1));
    EXPECT_FALSE(offer(channel, 'c', 1));
  }
}

TEST_F(OneLink, AReceiverWhoseSocketIsFullStopsItsConnectionAndNotTheOther) {
  set(100);
  has_room_ = false;
  EXPECT_TRUE(offer(kBulk, 'a', 100));
  EXPECT_TRUE(offer(kBulk, 'b', 100));
  run_until(50);
  has_room_ = true;
  EXPECT_TRUE(offer(kControl, 'c', 100));
  run_until(100);
  EXPECT_EQ(arrived_, (Arrivals{"a at 1", "c at 51"}));
  link_.receiver_has_room(kBulk);
  run_until(200);
  EXPECT_EQ(arrived_.back(), "b at 101");
}

TEST_F(OneLink, ADroppedQueueLeavesTheWireToTheOthers) {
  set(100);
  EXPECT_TRUE(offer(kBulk, 'B', 100'000));
  EXPECT_TRUE(offer(kControl, 'c', 1000));
  run_until(10);
  link_.drop_queue(kBulk);
  run_until(1000);
  EXPECT_EQ(arrived_, (Arrivals{"c at 15"}));
}

}  // namespace
}  // namespace torc::sim
