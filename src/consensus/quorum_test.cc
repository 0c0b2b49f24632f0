#include "consensus/quorum.h"

#include <gtest/gtest.h>

#include "consensus/test_cluster.h"

namespace torc::consensus {
namespace {

// The dumb side: tries every value and counts.
bool majority_reaches(const std::vector<ReplicaId>& ids, const std::map<ReplicaId, uint64_t>& values, uint64_t value) {
  size_t reached = 0;
  for (const ReplicaId id : ids) reached += values.at(id) >= value ? 1 : 0;
  return ids.empty() || 2 * reached > ids.size();
}

std::vector<ReplicaId> random_ids(Prng& prng, uint64_t count_max) {
  std::vector<ReplicaId> ids;
  for (uint64_t n = 1; n <= 9; ++n) {
    if (ids.size() < count_max && prng.chance(1, 2)) ids.push_back(replica_id(n));
  }
  return ids;
}

TEST(Quorum, AgreesWithCountingOnFiftyThousandRandomConfigurations) {
  Prng prng(1);
  for (int i = 0; i < 50'000; ++i) {
    Configuration configuration;
    configuration.voters = random_ids(prng, 7);
    if (configuration.voters.empty()) configuration.voters = {replica_id(1)};
    if (prng.chance(1, 2)) configuration.outgoing = random_ids(prng, 7);
    std::map<ReplicaId, uint64_t> values;
    for (uint64_t n = 1; n <= 9; ++n) values[replica_id(n)] = prng.below(12);

    uint64_t expected = 0;
    for (uint64_t value = 0; value < 12; ++value) {
      if (majority_reaches(configuration.voters, values, value) &&
          majority_reaches(configuration.outgoing, values, value)) {
        expected = value;
      }
    }
    ASSERT_EQ(quorum_value(configuration, [&](ReplicaId id) { return values.at(id); }), expected) << "case " << i;

    // An election is the same question with two values; unanswered voters may still go either way.
    std::map<ReplicaId, bool> answers;
    std::map<ReplicaId, uint64_t> granted;
    std::map<ReplicaId, uint64_t> possible;
    for (uint64_t n = 1; n <= 9; ++n) {
      const uint64_t answer = prng.below(3);
      if (answer < 2) answers[replica_id(n)] = answer == 1;
      granted[replica_id(n)] = answer == 1 ? 1 : 0;
      possible[replica_id(n)] = answer == 0 ? 0 : 1;
    }
    const auto is_quorum = [&](const std::map<ReplicaId, uint64_t>& yes) {
      return majority_reaches(configuration.voters, yes, 1) && majority_reaches(configuration.outgoing, yes, 1);
    };
    const VoteResult result = is_quorum(granted)    ? VoteResult::kWon
                              : is_quorum(possible) ? VoteResult::kPending
                                                    : VoteResult::kLost;
    ASSERT_EQ(count_votes(configuration, answers), result) << "case " << i;
  }
}

TEST(Quorum, LearnersHaveNoSay) {
  Configuration configuration;
  configuration.voters = {replica_id(1), replica_id(2), replica_id(3)};
  configuration.learners = {replica_id(4), replica_id(5)};
  EXPECT_EQ(quorum_value(configuration, [](ReplicaId id) { return id.node.value >= 3 ? 10u : id.node.value; }), 2u);
  EXPECT_EQ(count_votes(configuration, {{replica_id(1), true}, {replica_id(4), true}, {replica_id(5), true}}),
            VoteResult::kPending);
}

}  // namespace
}  // namespace torc::consensus
