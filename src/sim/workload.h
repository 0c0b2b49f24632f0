// Eight clients over a few keys: what they do, when, and the history of what they were told.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "check/history.h"
#include "sim/client.h"
#include "sim/sizes.h"
#include "sim/world.h"

namespace torc::sim {

struct WorkloadOptions {
  size_t clients = 8;
  size_t session_clients = 3;  // of them: labelled writes, retried until answered
  size_t keys = 5;             // in use at a time
  Duration think_min = 1ms;
  Duration think_max = 80ms;
  uint32_t reads_per_mille = 350;
  /// A key is replaced by a fresh one after so many operations or unknown outcomes: the checker's search is exponential
  /// in the number of open writes of one key.
  size_t operations_per_key = 80;
  size_t unknowns_per_key = 6;
  SizeOptions sizes;
  ClientOptions client;
};

class Workload {
 public:
  Workload(World& world, Prng prng, const WorkloadOptions& options);

  void start();
  /// From now on nothing large is sent.
  void become_small() { sizes_.stop(); }
  /// No new operations.
  void stop() { is_stopped_ = true; }
  bool is_idle() const;
  /// Reads every key of the history once, through all clients. Requires: stopped and idle.
  void start_sweep();
  bool is_sweep_done() const { return sweep_next_ >= sweep_.size() && is_idle(); }

  /// Counts operations with a clear outcome from now on.
  void begin_counting();
  /// The client that has done least since begin_counting(), and how much.
  std::pair<size_t, uint64_t> slowest_client() const;

  /// Told of each operation when it has ended.
  using Judge = Client::Done;
  void set_judge(Judge judge) { judge_ = std::move(judge); }
  /// What large things are paid from, by others too.
  Sizes& sizes() { return sizes_; }

  void on_node_died(NodeId id);
  /// Finished operations, and those still open as unknown.
  const check::History& history() const { return history_; }
  uint64_t completed() const { return completed_; }
  uint64_t unknown() const { return unknown_; }
  uint64_t refused() const { return refused_; }

 private:
  enum class Role : uint8_t { kText, kCounter, kBundle };
  struct Key {
    std::string name;  // in the short form
    Role role = Role::kText;
    uint64_t count = 1;        // of a bundle's keys
    uint64_t value_bytes = 0;  // about what a read of it takes, beside what is small
    size_t operations = 0;
    size_t unknowns = 0;
    std::string last_value;  // seen by anyone: what a CAS expects has a chance to be there
  };
  void think(size_t client);
  void next_operation(size_t client);
  check::Operation draw_operation(size_t client);
  check::OperationKind draw_write(Role role);
  std::string draw_value(size_t client, const Key& key);
  void pay_for(const check::Operation& operation, Key& key);
  size_t draw_position();
  Key fresh_key(size_t position);
  void replace(Key& key, size_t position);
  void on_finished(size_t client, const check::Operation& operation, std::optional<kv::Refusal> refusal);

  World& world_;
  Prng prng_;
  WorkloadOptions options_;
  Sizes sizes_;
  Judge judge_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<uint64_t> counted_;
  std::vector<EventId> thinking_;  // when each client does something next
  std::vector<Key> keys_;
  std::vector<std::string> retired_;  // large ones that nobody uses any more, to be deleted
  check::History history_;
  std::vector<std::string> sweep_;
  size_t sweep_next_ = 0;
  uint64_t keys_made_ = 0;
  uint64_t values_made_ = 0;
  uint64_t completed_ = 0;
  uint64_t unknown_ = 0;
  uint64_t refused_ = 0;
  bool is_stopped_ = false;
};

}  // namespace torc::sim
