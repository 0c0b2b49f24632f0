// The key-value lab's scenarios (6.824, 2017, lab 3), under their own names, on whole nodes.
//
// Limits in bytes. The lab allows 2 x 1,000 bytes of Raft state. Ours is the group's log: a checkpoint begins when it
// has grown by kCheckpointLogBytes, nothing is kept behind it for servers that lag, and it is cut in steps of 64
// entries (about 60 bytes each, and up to 20 commands in one entry where there are 20 clients). Hence log_bytes_max():
// less than any of these runs writes, and never exceeded, whoever is away.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "scenarios/kv_cluster.h"
#include "scenarios/seeds.h"

namespace torc::scenarios {
namespace {

constexpr uint64_t kCheckpointLogBytes = 2'000;
constexpr uint64_t log_bytes_max(size_t clients) { return clients <= 5 ? 10'000 : 25'000; }
constexpr uint64_t kSmallCheckpointBytesMax = 500;
constexpr uint64_t kEmptyCheckpointBytesMax = 100;  // of another group, where nothing was written

struct Parameters {
  uint32_t arcs = 1;
  size_t clients = 1;
  bool is_unreliable = false;
  bool crashes = false;
  bool partitions = false;
  bool has_limit = false;
  size_t rounds = 3;  // of 5 s
};

/// The lab's client: owns one key, appends to it or reads it, and knows what it must read.
class Owner {
 public:
  Owner(KvCluster& cluster, size_t number)
      : cluster_(cluster), client_(cluster.client()), name_(std::to_string(number)), prng_(cluster.prng().fork()) {}

  void begin_round() {
    is_stopped_ = false;
    sequence_ = 0;
    expected_.clear();
    client_.put(name_, "", [this](const check::Outcome&) { next(); });
  }
  void stop() { is_stopped_ = true; }
  bool is_idle() const { return client_.is_idle(); }
  const std::string& name() const { return name_; }
  const std::string& expected() const { return expected_; }

 private:
  void next() {
    if (is_stopped_ || !cluster_.is_fine()) return;
    if (prng_.chance(1, 2)) {
      const std::string piece = "x " + name_ + " " + std::to_string(sequence_++) + " y";
      expected_ += piece;
      client_.append(name_, piece, [this](const check::Outcome&) { next(); });
      return;
    }
    client_.get(name_, [this](const check::Outcome& outcome) {
      EXPECT_EQ(outcome.text, expected_) << "of client " << name_;
      next();
    });
  }

  KvCluster& cluster_;
  KvClient& client_;
  std::string name_;
  Prng prng_;
  std::string expected_;
  int sequence_ = 0;
  bool is_stopped_ = false;
};

/// Another random split every 1.0 to 1.2 s.
void keep_partitioning(KvCluster& cluster, const std::shared_ptr<bool>& goes_on) {
  if (!*goes_on) return;
  cluster.partition_at_random();
  cluster.world().queue().schedule(Duration(cluster.prng().between(1'000, 1'200) * 1'000'000),
                                   [&cluster, goes_on] { keep_partitioning(cluster, goes_on); });
}

void run_round(KvCluster& cluster, const Parameters& parameters, std::vector<std::unique_ptr<Owner>>& owners) {
  for (const auto& owner : owners) owner->begin_round();
  const auto goes_on = std::make_shared<bool>(true);
  if (parameters.partitions) {
    cluster.run_for(1s);
    keep_partitioning(cluster, goes_on);
  }
  uint64_t largest_log = 0;
  for (int i = 0; i < 500; ++i) {
    cluster.run_for(10ms);
    if (parameters.has_limit) largest_log = std::max(largest_log, cluster.largest_log());
  }
  for (const auto& owner : owners) owner->stop();
  *goes_on = false;
  if (parameters.partitions) {
    cluster.connect_all();
    cluster.run_for(1s);
  }
  if (parameters.crashes) {
    cluster.kill_all();
    cluster.run_for(1s);
    cluster.start_all();
  }
  const auto is_idle = [&] { return std::ranges::all_of(owners, [](const auto& owner) { return owner->is_idle(); }); };
  EXPECT_TRUE(cluster.run_until(is_idle, kAnswerBound)) << "a client got no answer within 30 s";
  if (!parameters.has_limit) return;
  EXPECT_LE(largest_log, log_bytes_max(parameters.clients));
}

/// Returns how many snapshots were installed.
uint64_t run_generic(uint64_t seed, const Parameters& parameters) {
  KvOptions options;
  options.arcs = parameters.arcs;
  options.is_unreliable = parameters.is_unreliable;
  if (parameters.has_limit) options.checkpoint_log_bytes = kCheckpointLogBytes;
  KvCluster cluster(seed, options);
  std::vector<std::unique_ptr<Owner>> owners;
  for (size_t i = 0; i < parameters.clients; ++i) owners.push_back(std::make_unique<Owner>(cluster, i));
  KvClient& reader = cluster.client();
  for (size_t round = 0; round < parameters.rounds && cluster.is_fine(); ++round) {
    run_round(cluster, parameters, owners);
    for (const auto& owner : owners) {
      EXPECT_EQ(cluster.get(reader, owner->name()), owner->expected()) << "every append once, in order";
    }
  }
  EXPECT_GE(cluster.operations(), 200u * parameters.rounds / 3) << "too little happened to show anything";
  cluster.judge();
  if (!parameters.has_limit) return cluster.snapshots_installed();
  for (size_t i = 0; i < cluster.size(); ++i) {
    for (const auto& owner : owners) EXPECT_GT(cluster.checkpoint_index(i, owner->name()), LogIndex(0));
  }
  const auto is_cut = [&] { return cluster.largest_log() <= log_bytes_max(parameters.clients); };
  EXPECT_TRUE(cluster.run_until(is_cut, 5s)) << "the log was not cut: " << cluster.largest_log() << " bytes";
  return cluster.snapshots_installed();
}

/// Each scenario with one group, and with as many as it has arcs: keys and clients' sessions are spread over them, and
/// they share each server's turn, log, checkpoint store and connections.
class KvLab : public testing::TestWithParam<uint32_t> {
 protected:
  static uint32_t arcs() { return GetParam(); }
  static uint64_t seeds() { return arcs() == 1 ? kSeeds : kSeedsOfManyArcs; }

  static uint64_t run_generic_seeds(Parameters parameters) {
    uint64_t snapshots = 0;
    parameters.arcs = arcs();
    if (arcs() > 1) parameters.rounds = 1;
    for_each_seed(seeds(), [&](uint64_t seed) { snapshots += run_generic(seed, parameters); });
    return snapshots;
  }
};

INSTANTIATE_TEST_SUITE_P(OnACircleOf, KvLab, testing::Values(1u, 8u), [](const auto& test) {
  return std::to_string(test.param) + (test.param == 1 ? "Arc" : "Arcs");
});

TEST_P(KvLab, Basic) { run_generic_seeds({.clients = 1}); }
TEST_P(KvLab, Concurrent) { run_generic_seeds({.clients = 5}); }
TEST_P(KvLab, Unreliable) { run_generic_seeds({.clients = 5, .is_unreliable = true}); }
TEST_P(KvLab, ManyPartitionsOneClient) { run_generic_seeds({.clients = 1, .partitions = true}); }
TEST_P(KvLab, ManyPartitionsManyClients) { run_generic_seeds({.clients = 5, .partitions = true}); }
TEST_P(KvLab, PersistOneClient) { run_generic_seeds({.clients = 1, .crashes = true}); }
TEST_P(KvLab, PersistConcurrent) { run_generic_seeds({.clients = 5, .crashes = true}); }
TEST_P(KvLab, PersistConcurrentUnreliable) {
  run_generic_seeds({.clients = 5, .is_unreliable = true, .crashes = true});
}
TEST_P(KvLab, PersistPartition) { run_generic_seeds({.clients = 5, .crashes = true, .partitions = true}); }
TEST_P(KvLab, PersistPartitionUnreliable) {
  run_generic_seeds({.clients = 5, .is_unreliable = true, .crashes = true, .partitions = true});
}
TEST_P(KvLab, SnapshotRecover) { run_generic_seeds({.clients = 1, .crashes = true, .has_limit = true}); }
TEST_P(KvLab, SnapshotRecoverManyClients) { run_generic_seeds({.clients = 20, .crashes = true, .has_limit = true}); }
TEST_P(KvLab, SnapshotUnreliable) { run_generic_seeds({.clients = 5, .is_unreliable = true, .has_limit = true}); }
TEST_P(KvLab, SnapshotUnreliableRecover) {
  run_generic_seeds({.clients = 5, .is_unreliable = true, .crashes = true, .has_limit = true});
}
TEST_P(KvLab, SnapshotUnreliableRecoverConcurrentPartition) {
  const uint64_t snapshots =
      run_generic_seeds({.clients = 5, .is_unreliable = true, .crashes = true, .partitions = true, .has_limit = true});
  const bool is_one_seed = std::getenv("TORC_SCENARIO_SEED") != nullptr || arcs() > 1;
  EXPECT_TRUE(snapshots > 0 || is_one_seed) << "nobody was away for long enough to need one";
}

TEST_P(KvLab, UnreliableOneKey) {
  for_each_seed(seeds(), [](uint64_t seed) {
    constexpr int kClients = 5;
    constexpr int kAppends = 10;
    KvCluster cluster(seed, {.servers = 3, .arcs = arcs(), .is_unreliable = true});
    cluster.put(cluster.client(), "k", "");
    std::vector<KvClient*> clients;
    for (int i = 0; i < kClients; ++i) clients.push_back(&cluster.client());
    std::vector<int> done(kClients);
    std::function<void(size_t)> append = [&](size_t i) {
      if (done[i] == kAppends) return;
      const std::string piece = "x " + std::to_string(i) + " " + std::to_string(done[i]++) + " y";
      clients[i]->append("k", piece, [&append, i](const check::Outcome&) { append(i); });
    };
    for (size_t i = 0; i < kClients; ++i) append(i);
    const auto is_done = [&] { return std::ranges::all_of(clients, [](KvClient* one) { return one->is_idle(); }); };
    EXPECT_TRUE(cluster.run_until(is_done, 120s)) << "a client got no answer within 120 s";
    const std::string value = cluster.get(cluster.client(), "k");
    size_t length = 0;
    for (int i = 0; i < kClients; ++i) {
      size_t last = 0;
      for (int j = 0; j < kAppends; ++j) {
        const std::string piece = "x " + std::to_string(i) + " " + std::to_string(j) + " y";
        const size_t at = value.find(piece);
        ASSERT_NE(at, std::string::npos) << piece << " is missing";
        EXPECT_EQ(value.find(piece, at + 1), std::string::npos) << piece << " is there twice";
        EXPECT_TRUE(j == 0 || at > last) << piece << " is out of order";
        last = at;
        length += piece.size();
      }
    }
    EXPECT_EQ(value.size(), length);
    cluster.judge();
  });
}

// The lab prints three names for it: progress in majority, no progress in minority, completion after heal.
TEST_P(KvLab, OnePartition) {
  for_each_seed(seeds(), [](uint64_t seed) {
    KvCluster cluster(seed, {.arcs = arcs()});
    KvClient& everywhere = cluster.client();
    cluster.put(everywhere, "1", "13");
    const size_t leader = cluster.leader("1");
    const std::vector<size_t> minority = {leader, (leader + 1) % 5};
    const std::vector<size_t> majority = {(leader + 2) % 5, (leader + 3) % 5, (leader + 4) % 5};
    cluster.partition(minority);
    KvClient& at_majority = cluster.client(majority);
    cluster.put(at_majority, "1", "14");
    EXPECT_EQ(cluster.get(at_majority, "1"), "14");

    KvClient& writer = cluster.client(minority);
    KvClient& reader = cluster.client(minority);
    writer.put("1", "15", [](const check::Outcome&) {});
    reader.get("1", [](const check::Outcome&) {});
    cluster.run_for(1s);
    EXPECT_FALSE(writer.is_idle()) << "a minority executed a write";
    EXPECT_FALSE(reader.is_idle()) << "a minority answered a read";
    EXPECT_EQ(cluster.get(at_majority, "1"), "14");
    cluster.put(at_majority, "1", "16");
    EXPECT_EQ(cluster.get(at_majority, "1"), "16");

    cluster.connect_all();
    cluster.run_for(1s);
    EXPECT_TRUE(cluster.run_until([&] { return writer.is_idle() && reader.is_idle(); }, 3s)) << "3 s after the healing";
    EXPECT_EQ(cluster.get(everywhere, "1"), "15");
    cluster.judge();
  });
}

// Four times the lab's 50 puts, since 50 entries are fewer than the step in which our log is cut. They stand in one
// slot, so that one group of however many has a snapshot to send.
TEST_P(KvLab, SnapshotRPC) {
  constexpr int kPuts = 200;
  const auto key = [](int number) { return "{n}" + std::to_string(number); };
  for_each_seed(seeds(), [&](uint64_t seed) {
    KvCluster cluster(seed, {.servers = 3, .arcs = arcs(), .checkpoint_log_bytes = kCheckpointLogBytes});
    cluster.put(cluster.client(), "a", "A");
    cluster.partition({0, 1});
    {
      KvClient& client = cluster.client({0, 1});
      for (int i = 0; i < kPuts; ++i) cluster.put(client, key(i), std::to_string(i));
      cluster.run_for(1s);
      cluster.put(client, "b", "B");
    }
    EXPECT_GT(cluster.checkpoint_index(0, key(0)), LogIndex(0));
    EXPECT_LE(cluster.largest_log(), log_bytes_max(1)) << "while server 2 lacks nearly everything";
    EXPECT_EQ(cluster.snapshots_installed(2), 0u);
    cluster.partition({0, 2});
    {
      KvClient& client = cluster.client({0, 2});
      cluster.put(client, "c", "C");
      cluster.put(client, "d", "D");
      EXPECT_EQ(cluster.get(client, "a"), "A");
      EXPECT_EQ(cluster.get(client, "b"), "B");
      EXPECT_EQ(cluster.get(client, key(1)), "1");
      EXPECT_EQ(cluster.get(client, key(49)), "49");
    }
    // With more groups the node asks others too to checkpoint, since they keep its log, and cuts them.
    const uint64_t installed = cluster.snapshots_installed(2);
    EXPECT_TRUE(installed == 1 || (arcs() > 1 && installed > 1)) << installed;
    cluster.connect_all();
    KvClient& client = cluster.client();
    cluster.put(client, "e", "E");
    EXPECT_EQ(cluster.get(client, "c"), "C");
    EXPECT_EQ(cluster.get(client, "e"), "E");
    EXPECT_EQ(cluster.get(client, key(1)), "1");
    cluster.judge();
    EXPECT_LE(cluster.largest_log(), log_bytes_max(1));
  });
}

TEST_P(KvLab, SnapshotSize) {
  for_each_seed(seeds(), [](uint64_t seed) {
    KvCluster cluster(seed, {.servers = 3, .arcs = arcs(), .checkpoint_log_bytes = kCheckpointLogBytes});
    KvClient& client = cluster.client();
    for (int i = 0; i < 200 && cluster.is_fine(); ++i) {
      for (const char* value : {"0", "1"}) {
        cluster.put(client, "x", value);
        EXPECT_EQ(cluster.get(client, "x"), value);
        EXPECT_LE(cluster.largest_log(), log_bytes_max(1));
      }
    }
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_GT(cluster.checkpoint_index(i, "x"), LogIndex(100));
      EXPECT_LE(cluster.checkpoint_bytes(i), kSmallCheckpointBytesMax + (arcs() - 1) * kEmptyCheckpointBytesMax);
    }
    cluster.judge();
  });
}

}  // namespace
}  // namespace torc::scenarios
