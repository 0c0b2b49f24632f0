// Does the simulator see what it should? Toy nodes that share one store by magic must pass; each flaw must be caught.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "kv/state_machine.h"
#include "sim/run_seed.h"

namespace torc::sim {
namespace {

enum class Flaw {
  kNone,
  kStaleReads,
  kLosesWrites,
  kAppliesTwice,
  kTwoLeaders,
  kStatesDiffer,
  kAnswersTwice,
  kFallsSilent,
  kGathers
};

constexpr GroupId kGroup{1};

/// What all toy nodes of a world share.
struct Store {
  explicit Store(Flaw planted) : flaw(planted) {}

  void apply(const kv::CommandView& command, const kv::SessionCall* call, kv::ReplySink& sink) {
    struct Router final : kv::ReplyRouter {
      kv::ReplySink* sink = nullptr;
      kv::ReplySink& sink_for(size_t) override { return *sink; }
    } router;
    router.sink = &sink;
    kv::BatchBuilder batch(0);
    batch.add(command, call);
    if (!last_payload.empty()) {
      CHECK(late.apply(index, last_payload, router_of_nobody).ok());
    }
    ++index;
    last_payload = batch.take(WallMs{1});
    CHECK(state.apply(index, last_payload, router).ok());
  }

  struct Nobody final : kv::ReplyRouter {
    kv::NullSink sink;
    kv::ReplySink& sink_for(size_t) override { return sink; }
  } router_of_nobody;

  Flaw flaw;
  LogIndex index;
  kv::StateMachine state{{}};
  kv::StateMachine late{{}};  // one write behind
  std::string last_payload;
};

class ToyNode final : public node::Service {
 public:
  ToyNode(node::NodeOptions options, std::shared_ptr<Store> store)
      : options_(std::move(options)), store_(std::move(store)) {}

  node::ClientId open_client(node::ClientPort& port, node::Door) override {
    ports_[++last_client_] = &port;
    return node::ClientId(last_client_);
  }
  void close_client(node::ClientId client) override { ports_.erase(client.value); }

  void submit(node::ClientId client, node::Ticket ticket, const kv::CommandView& command,
              const kv::SessionCall* call) override {
    if (store_->flaw == Flaw::kFallsSilent && store_->index > LogIndex(300)) return;
    node::ClientPort& port = *ports_.at(client.value);
    kv::ReplySink& sink = port.begin_reply(ticket);
    if (command.id == kv::CommandId::kGet) {
      const bool is_stale = store_->flaw == Flaw::kStaleReads && ++reads_ % 16 == 0;
      (is_stale ? store_->late : store_->state).read(command, WallMs{1}, sink);
    } else if (store_->flaw == Flaw::kLosesWrites && ++writes_ % 16 == 0 && command.id == kv::CommandId::kSet) {
      sink.ok();
    } else {
      store_->apply(command, call, sink);
      kv::NullSink nobody;
      const bool again = store_->flaw == Flaw::kAppliesTwice && ++writes_ % 16 == 0;
      if (again) store_->apply(command, nullptr, nobody);
    }
    if (store_->flaw == Flaw::kAnswersTwice && ++answers_ % 100 == 0) sink.ok();
    port.end_reply(ticket);
  }
  kv::SessionId draw_session() override { return {}; }
  size_t pending(node::ClientId) const override { return 0; }

  node::NodeStatus status() const override {
    node::NodeStatus status;
    status.node = options_.id;
    status.membership = node::Membership::kMember;
    node::GroupStatus group;
    group.group = kGroup;
    group.applied = group.replica.commit = group.replica.last_index = store_->index;
    group.replica.term = Term(1);
    const bool leads = options_.id == NodeId(1) || store_->flaw == Flaw::kTwoLeaders;
    group.replica.role = leads ? consensus::Role::kLeader : consensus::Role::kFollower;
    status.groups.push_back(group);
    status.gauges.push_back({"toys", store_->index.value, store_->flaw == Flaw::kGathers ? 300u : UINT64_MAX});
    return status;
  }

  // As a world runs it (sim/hosted_node.h).
  node::GroupDigest digest(GroupId) const {
    const bool differs = store_->flaw == Flaw::kStatesDiffer && options_.id == NodeId(2);
    return {store_->index, store_->state.digest() + (differs ? 1 : 0)};
  }
  static const consensus::Replica* replica_of(GroupId) { return nullptr; }
  static void end_turn() {}
  static void hand_over() {}

 private:
  node::NodeOptions options_;
  std::shared_ptr<Store> store_;
  std::map<uint64_t, node::ClientPort*> ports_;
  uint64_t last_client_ = 0;
  uint64_t reads_ = 0;
  uint64_t writes_ = 0;
  uint64_t answers_ = 0;
};

Outcome run_toys(Flaw flaw, uint64_t seed, bool has_bursts = true) {
  SeedOptions options;
  options.has_bursts = has_bursts;
  options.open_node = [store = std::make_shared<Store>(flaw)](node::NodeOptions node, env::Clock&, env::Disk&,
                                                              env::Network&, env::CheckpointStore&) {
    return hosted<ToyNode>(std::make_unique<ToyNode>(std::move(node), store));
  };
  return run_seed(seed, options);
}

TEST(Checkers, APerfectStorePassesUnderAllFaults) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const Outcome outcome = run_toys(Flaw::kNone, seed);
    EXPECT_EQ(outcome.verdict, Verdict::kPassed) << "seed " << seed << ": " << outcome.message;
    EXPECT_GT(outcome.stats.operations, 100u) << "seed " << seed;
    EXPECT_EQ(outcome.stats.undecided_keys, 0u) << "seed " << seed;
  }
}

TEST(Checkers, TheSameSeedGivesTheSameTraceAndAnotherSeedAnother) {
  const Outcome first = run_toys(Flaw::kNone, 7);
  const Outcome again = run_toys(Flaw::kNone, 7);
  EXPECT_EQ(first.trace_hash, again.trace_hash);
  EXPECT_EQ(first.stats.events, again.stats.events);
  EXPECT_NE(first.trace_hash, run_toys(Flaw::kNone, 8).trace_hash);
}

struct Planted {
  Flaw flaw;
  Verdict verdict;
  const char* message;
};

class CheckersCatch : public ::testing::TestWithParam<Planted> {};

TEST_P(CheckersCatch, ThePlantedFlaw) {
  const Outcome outcome = run_toys(GetParam().flaw, 4, false);
  EXPECT_EQ(outcome.verdict, GetParam().verdict) << outcome.message;
  EXPECT_THAT(outcome.message, ::testing::HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Flaws, CheckersCatch,
    ::testing::Values(Planted{Flaw::kStaleReads, Verdict::kSafety, "get"},
                      Planted{Flaw::kLosesWrites, Verdict::kSafety, "set"},
                      Planted{Flaw::kAppliesTwice, Verdict::kSafety, ""},
                      Planted{Flaw::kTwoLeaders, Verdict::kSafety, "two leaders in term 1"},
                      Planted{Flaw::kStatesDiffer, Verdict::kSafety, "differ after applying"},
                      Planted{Flaw::kAnswersTwice, Verdict::kSafety, "gives no reply, or several, to one command"},
                      Planted{Flaw::kGathers, Verdict::kSafety, "holds 301 bytes in toys, which is bounded by 300"},
                      Planted{Flaw::kFallsSilent, Verdict::kLiveness, "completed only"}));

// A burst knows what each of its answers may be, without the history.
TEST(Checkers, BurstsCatchStaleReadsAndLostWritesAtOnce) {
  for (const Flaw flaw : {Flaw::kStaleReads, Flaw::kLosesWrites}) {
    Outcome outcome;
    for (uint64_t seed = 1; seed <= 20 && outcome.message.find("on the same connection") == std::string::npos; ++seed) {
      outcome = run_toys(flaw, seed);
    }
    EXPECT_EQ(outcome.verdict, Verdict::kSafety);
    EXPECT_THAT(outcome.message, ::testing::HasSubstr("cannot hold after the commands before it"));
  }
}

}  // namespace
}  // namespace torc::sim
