// The harness of the key-value lab in simulated time: whole nodes, clients that retry until they are answered, and the
// judgement of everything they were told.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "check/history.h"
#include "sim/client.h"
#include "sim/observer.h"
#include "sim/world.h"

namespace torc::scenarios {

struct KvOptions {
  size_t servers = 5;
  uint32_t arcs = 1;  // of the circle, one group each; every server has a replica of each
  bool is_unreliable = false;
  /// A checkpoint starts when the log has grown by this much; behind it as much is kept for servers that lag. None:
  /// never.
  std::optional<uint64_t> checkpoint_log_bytes;
};

/// One client of the lab ("clerk"): one operation at a time, repeated until it has a clear answer, exactly once.
class KvClient {
 public:
  using Done = std::function<void(const check::Outcome&)>;
  KvClient(sim::World& world, Prng prng, uint32_t number, const sim::ClientOptions& options, check::History& history);

  void put(const std::string& key, const std::string& value, Done done);
  void append(const std::string& key, const std::string& value, Done done);
  void get(const std::string& key, Done done);
  bool is_idle() const { return !done_; }
  void on_node_died(NodeId id) { client_.on_node_died(id); }

 private:
  void run(check::Operation operation, Done done);
  void attempt();

  sim::World& world_;
  sim::Client client_;
  check::History& history_;
  check::Operation operation_;
  Done done_;
};

class KvCluster {
 public:
  KvCluster(uint64_t seed, const KvOptions& options);
  /// Fails the test unless everything that clients were told is linearizable and all nodes end in the same state.
  void judge();

  static NodeId id_of(size_t server) { return NodeId(server + 1); }
  size_t size() const { return world_.nodes().size(); }
  sim::World& world() { return world_; }
  Prng& prng() { return prng_; }
  void run_for(Duration length) { world_.run_for(length); }
  /// Runs until it holds; false after `bound`.
  bool run_until(const std::function<bool()>& holds, Duration bound);
  bool is_fine();

  /// A new client that knows of `servers` only (numbered from 0); empty: of all.
  KvClient& client(const std::vector<size_t>& servers = {});
  /// Executes and waits for the answer, at most kAnswerBound.
  void put(KvClient& client, const std::string& key, const std::string& value);
  void append(KvClient& client, const std::string& key, const std::string& value);
  /// An absent key reads as empty, as in the lab.
  std::string get(KvClient& client, const std::string& key);

  /// Two sides that do not hear each other; clients reach both.
  void partition(const std::vector<size_t>& side);
  void partition_at_random();
  void connect_all() { world_.network().heal_all(); }
  void kill_all();
  void start_all();
  /// The one that leads the group of `key`, waiting for it up to 10 s.
  size_t leader(const std::string& key = "");

  // ---- what replicas keep ----
  /// The largest log of any server's group right now, in bytes of entries.
  uint64_t largest_log();
  /// Bytes of keys and values in the checkpoint store of a server.
  uint64_t checkpoint_bytes(size_t server);
  /// Of the group of `key`.
  LogIndex checkpoint_index(size_t server, const std::string& key);
  /// By all groups of a server since it was started; by those of all servers.
  uint64_t snapshots_installed(size_t server);
  uint64_t snapshots_installed() const { return observer_.snapshots_installed(); }
  /// Every server has applied everything and stands in the same state.
  void wait_for_agreement();

  size_t operations() const { return history_.size(); }

 private:
  sim::WorldOptions world_options(const KvOptions& options);
  /// Empty while it is dead or not born.
  std::vector<node::GroupStatus> groups_of(size_t server);
  std::optional<node::GroupStatus> group_of(size_t server, const std::string& key);
  void wait_for(KvClient& client);

  KvOptions options_;
  Prng prng_;
  sim::Trace trace_;
  std::map<NodeId, env::CheckpointStore*> checkpoints_;
  sim::World world_;
  sim::Observer observer_;
  check::History history_;
  std::vector<std::unique_ptr<KvClient>> clients_;
};

/// An operation of a healthy cluster that takes longer is a failure.
constexpr Duration kAnswerBound = 30s;

}  // namespace torc::scenarios
