// Eight clients over five keys: what they do, when, and the history of what they were told.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "check/history.h"
#include "sim/client.h"
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
  ClientOptions client;
};

class Workload {
 public:
  Workload(World& world, Prng prng, const WorkloadOptions& options);

  void start();
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

  void on_node_died(NodeId id);
  /// Finished operations, and those still open as unknown.
  const check::History& history() const { return history_; }
  uint64_t completed() const { return completed_; }
  uint64_t unknown() const { return unknown_; }
  uint64_t refused() const { return refused_; }

 private:
  struct Key {
    std::string name;
    bool is_counter = false;
    size_t operations = 0;
    size_t unknowns = 0;
    std::string last_value;  // seen by anyone: what a CAS expects has a chance to be there
  };
  void think(size_t client);
  void next_operation(size_t client);
  check::Operation draw_operation(size_t client);
  check::OperationKind draw_write(bool is_counter);
  Key fresh_key(size_t position);
  void on_finished(size_t client, const check::Operation& operation);

  World& world_;
  Prng prng_;
  WorkloadOptions options_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<uint64_t> counted_;
  std::vector<EventId> thinking_;  // when each client does something next
  std::vector<Key> keys_;
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
