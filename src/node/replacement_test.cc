#include "node/replacement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace torc::node {
namespace {

using consensus::Configuration;
using consensus::ReplicaId;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr ReplicaId kOne{NodeId(1), ReplicaNumber(11)};
constexpr ReplicaId kTwo{NodeId(2), ReplicaNumber(21)};
constexpr ReplicaId kTwoAgain{NodeId(2), ReplicaNumber(22)};
constexpr ReplicaId kTwoOnceMore{NodeId(2), ReplicaNumber(23)};
constexpr ReplicaId kThree{NodeId(3), ReplicaNumber(31)};
const Configuration kBirth{{kOne, kTwo, kThree}, {}, {}};
const Configuration kWithLearner{{kOne, kTwo, kThree}, {}, {kTwoAgain}};

constexpr Instant at(Duration time) { return Instant{} + 1s + time; }
std::vector<consensus::PeerStatus> learner_at(uint64_t match) { return {{kTwoAgain, LogIndex(match), Instant{}}}; }

TEST(Replacement, NothingChangesWithoutANewcomer) {
  Replacement replacement;
  EXPECT_FALSE(replacement.next(kBirth, {}, LogIndex(5), at(0ms)));
}

TEST(Replacement, NewcomerIsAddedAsALearnerWhileItsFormerLifeStaysAVoter) {
  Replacement replacement;
  replacement.met(kTwoAgain);
  const auto change = replacement.next(kBirth, {}, LogIndex(5), at(0ms));
  ASSERT_TRUE(change);
  EXPECT_THAT(change->add_learners, ElementsAre(kTwoAgain));
  EXPECT_THAT(change->promote, IsEmpty());
  EXPECT_THAT(change->remove, IsEmpty());
}

TEST(Replacement, LearnerTakesThePlaceOfItsFormerLifeOnceItHoldsWhatWasCommittedAWhileAgo) {
  Replacement replacement;
  replacement.met(kTwoAgain);
  EXPECT_FALSE(replacement.next(kWithLearner, learner_at(50), LogIndex(50), at(0ms))) << "no while has passed yet";
  EXPECT_FALSE(replacement.next(kWithLearner, learner_at(49), LogIndex(60), at(100ms))) << "one entry is missing";
  const auto change = replacement.next(kWithLearner, learner_at(50), LogIndex(70), at(101ms));
  ASSERT_TRUE(change);
  EXPECT_THAT(change->promote, ElementsAre(kTwoAgain));
  EXPECT_THAT(change->remove, ElementsAre(kTwo));
  EXPECT_THAT(change->add_learners, IsEmpty());
}

TEST(Replacement, LatestLifeReplacesALearnerThatWasLostOnTheWay) {
  Replacement replacement;
  replacement.met(kTwoAgain);
  replacement.met(kTwoOnceMore);
  const auto change = replacement.next(kWithLearner, {}, LogIndex(5), at(0ms));
  ASSERT_TRUE(change);
  EXPECT_THAT(change->add_learners, ElementsAre(kTwoOnceMore));
  EXPECT_THAT(change->remove, ElementsAre(kTwoAgain));
}

TEST(Replacement, JointChangeIsWaitedForAndAVoterIsNoNewcomerAnyMore) {
  Replacement replacement;
  replacement.met(kTwoAgain);
  EXPECT_FALSE(replacement.next({{kOne, kThree}, {kOne, kTwo, kThree}, {}}, {}, LogIndex(5), at(0ms)));
  EXPECT_FALSE(replacement.is_idle());
  EXPECT_FALSE(replacement.next({{kOne, kTwoAgain, kThree}, {}, {}}, {}, LogIndex(5), at(0ms)));
  EXPECT_TRUE(replacement.is_idle());
}

}  // namespace
}  // namespace torc::node
