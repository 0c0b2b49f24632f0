// Real `torc serve` processes: a cluster of them on this machine, and everything a test may do to it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "process.h"
#include "resp_client.h"

namespace torc::integration {

using NodeNumber = int;  // 1-based, as on the command line

/// Where the nodes live, if not all on this machine's one network and disk.
class Premises {
 public:
  virtual ~Premises() = default;
  /// The node's own host; clients and peers reach it there. Nothing: a loopback address of this cluster's own.
  virtual std::optional<std::string> host(NodeNumber) { return std::nullopt; }
  /// Words in front of the node's command line.
  virtual std::vector<std::string> entrance(NodeNumber) { return {}; }
  /// The directory in which the node's data directory is made. Nothing: one of this cluster's own.
  virtual std::optional<std::string> disk(NodeNumber) { return std::nullopt; }
};

struct ClusterOptions {
  int nodes = 3;
  std::vector<std::string> extra_args;  // appended to every `torc serve`
  /// Of every node; at the beginning of a value kClusterDirectory stands for Cluster::directory(), kDataDirectory for
  /// the node's Cluster::data_directory().
  std::map<std::string, std::string> environment;
  Premises* premises = nullptr;  // outlives the cluster
  bool has_cluster_doors = false;
  bool waits_for_answers = true;  // false: the nodes are started, whatever becomes of them
};
constexpr std::string_view kClusterDirectory = "{directory}";
constexpr std::string_view kDataDirectory = "{data}";

/// Starts the nodes and waits until one store answers on each. Ports are given by the kernel on a loopback address of
/// this cluster's own (127.x.y.z), so that neither another test run nor a passing connection takes a port while its
/// node is down. Harness failures throw std::runtime_error. Ends every process it started; on a failed test prints the
/// ends of the nodes' logs. All calls on the main thread (see Process), except addresses().
class Cluster {
 public:
  explicit Cluster(ClusterOptions options = {});
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  int size() const { return options_.nodes; }
  /// Where clients connect; index 0 is node 1. Constant for the life of the cluster.
  const std::vector<Address>& addresses() const { return client_addresses_; }
  const Address& address(NodeNumber node) const { return client_addresses_.at(static_cast<size_t>(node - 1)); }
  /// Requires: has_cluster_doors.
  const Address& cluster_address(NodeNumber node) const { return cluster_addresses_.at(static_cast<size_t>(node - 1)); }
  const Address& peer_address(NodeNumber node) const { return peer_addresses_.at(static_cast<size_t>(node - 1)); }
  Process& process(NodeNumber node) { return *nodes_.at(static_cast<size_t>(node - 1)); }
  /// A directory of this test that goes with the cluster.
  const std::string& directory() const { return directory_; }
  RespClient connect(NodeNumber node, Millis timeout = Millis(5000)) const {
    return RespClient::connect(address(node), timeout);
  }

  // ---- faults ----
  /// `environment`: of this process alone, beside the cluster's.
  void start(NodeNumber node, const std::map<std::string, std::string>& environment = {});
  /// With another command line, such as a changed command_line(node).
  void start(NodeNumber node, std::vector<std::string> argv,
             const std::map<std::string, std::string>& environment = {});
  std::vector<std::string> command_line(NodeNumber node) const;
  /// 1=host:port,2=host:port,...
  std::string members() const;
  /// The node's log so far.
  std::string log(NodeNumber node) const { return read_file(log_path(node)); }
  void kill_hard(NodeNumber node) { process(node).kill_hard(); }
  void pause(NodeNumber node) { process(node).pause(); }
  void resume(NodeNumber node) { process(node).resume(); }
  /// Requires: the node is not running.
  void delete_data(NodeNumber node);
  /// Flips bits of the byte at `offset` in every log file that has been written there. Requires: the node is not
  /// running.
  void damage_log(NodeNumber node, uint64_t offset);
  std::string data_directory(NodeNumber node) const { return data_path(node); }

  // ---- what the nodes say ----
  /// The fields of INFO, or nothing if the node does not answer within `timeout`.
  std::optional<std::map<std::string, std::string>> info(NodeNumber node, Millis timeout = Millis(1000)) const;
  /// The node that calls itself leader in the highest term and answers; waits for one.
  NodeNumber wait_for_leader(Millis timeout = Millis(10000));
  /// A node that is not the leader.
  NodeNumber any_follower();
  /// Until every running node answers a linearizable read. Paused nodes must have been resumed.
  void wait_until_all_answer(Millis timeout = Millis(20000));
  /// Until a write succeeds at `node`.
  void wait_until_writable(NodeNumber node, Millis timeout = Millis(20000));

 private:
  void choose_addresses();
  bool try_start_all();
  std::string log_path(NodeNumber node) const;
  std::string data_path(NodeNumber node) const;
  void print_logs() const;

  ClusterOptions options_;
  std::string directory_;
  std::vector<Address> client_addresses_;
  std::vector<Address> cluster_addresses_;
  std::vector<Address> peer_addresses_;
  std::vector<std::unique_ptr<Process>> nodes_;
};

/// A program of this build, beside the test program itself. TORC_BINARY in the environment replaces `torc`.
std::string built_program(const std::string& name);

/// Calls `condition` every few milliseconds until it holds; false after `timeout`.
template <typename Condition>
bool holds_within(Millis timeout, Condition condition);

void sleep_for(Millis time);

template <typename Condition>
bool holds_within(Millis timeout, Condition condition) {
  constexpr Millis kInterval{20};
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    if (condition()) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    sleep_for(kInterval);
  }
}

}  // namespace torc::integration
