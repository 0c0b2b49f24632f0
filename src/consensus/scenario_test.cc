// Runs scenarios/*.txt: commands ("> ..."), each followed by what it must print, up to an empty line. Lines outside
// such blocks are comments. To accept what is printed now: TORC_REWRITE_SCENARIOS=1 torc_consensus_test
// --gtest_filter=Scenario*
//
//   limits APPEND IN_FLIGHT   bytes, for the groups that follow
//   nodes N [SPARES]    a new group of N voters, and replicas that belong to none yet
//   elect N             N campaigns, everything settles and everybody hears of it, without a trace
//   wake N              time passes until N's next deadline (election timer, heartbeat); only N notices
//   tick N              N looks at the clock
//   wait MS             time passes; nobody notices
//   run MS              time passes and everybody acts, without a trace
//   settle              everything is delivered and synced
//   deliver N M, lose N M     the oldest message from N to M
//   propose N, read N, lease-read N, transfer N M
//   change N WHAT...    WHAT: add=M promote=M remove=M
//   sync N              N's disk finishes everything
//   cut-log N           N forgets what is committed and durable: only its checkpoint has it
//   snapshot N, lose-snapshot N   the oldest snapshot that N has to send
//   crash N [KEEP]      N crashes; KEEP unsynced records survive (default 0)
//   start N, cut N M, join N M (both directions of a link), isolate N, heal
//   pause N             N does nothing until "heal", its clock runs on
//   status              one line per replica
//   members N           the latest configuration in N's log
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "consensus/test_cluster.h"

namespace torc::consensus {
namespace {

class Scenario {
 public:
  std::string run(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    uint64_t first = 0;
    uint64_t second = 0;
    words >> command >> first;
    if (command == "change") return change(replica_id(first), words);
    words >> second;
    trace_.str("");
    if (command == "limits") {
      options_.append_bytes_max = first;
      options_.in_flight_bytes_max = second;
    } else if (command == "nodes") {
      cluster_ = std::make_unique<TestCluster>(1, first, options_, second);
    } else if (cluster_) {
      cluster_->trace = command == "run" || command == "elect" ? nullptr : &trace_;
      if (!act(command, first, second)) trace_ << "unknown command\n";
    }
    if (cluster_ && !cluster_->violation.empty()) trace_ << "VIOLATION " << cluster_->violation << "\n";
    return trace_.str();
  }

 private:
  std::string change(ReplicaId id, std::istringstream& words) {
    ConfigurationChange change;
    for (std::string word; words >> word;) {
      const size_t equals = word.find('=');
      const std::string what = word.substr(0, equals);
      const ReplicaId who = replica_id(equals == std::string::npos ? 0 : std::stoull(word.substr(equals + 1)));
      (what == "add" ? change.add_learners : what == "promote" ? change.promote : change.remove).push_back(who);
    }
    const auto place = cluster_->change(id, change);
    std::ostringstream out;
    place.ok() ? out << "entry " << place->index << "/" << place->term : out << "refused: " << place.error().message;
    out << "\n";
    return out.str();
  }

  bool act(const std::string& command, uint64_t first, uint64_t second) {
    return act_on_group(command, first, second) || act_on_replica(command, replica_id(first), second);
  }

  bool act_on_group(const std::string& command, uint64_t first, uint64_t second) {
    TestCluster& c = *cluster_;
    if (command == "wait") {
      c.advance(std::chrono::milliseconds(first));
    } else if (command == "run") {
      c.run(std::chrono::milliseconds(first));
    } else if (command == "settle") {
      c.settle();
    } else if (command == "elect") {
      wake(replica_id(first));
      c.settle();
      c.run(c.node(replica_id(first)).options.heartbeat_interval * 2);
    } else if (command == "deliver" || command == "lose") {
      const auto position = oldest(replica_id(first), replica_id(second));
      if (!position) {
        trace_ << "nothing on its way\n";
      } else if (command == "deliver") {
        c.deliver(*position);
      } else {
        trace_ << describe(c.network()[*position]) << " (lost)\n";
        c.drop(*position);
      }
    } else if (command == "cut" || command == "join") {
      c.set_link(replica_id(first), replica_id(second), command == "join");
      c.set_link(replica_id(second), replica_id(first), command == "join");
    } else if (command == "heal") {
      c.heal();
    } else if (command == "status") {
      for (const auto& [id, node] : c.nodes()) {
        trace_ << id.node << " " << (node.replica ? describe(c.status(id)) : "crashed") << "\n";
      }
    } else {
      return false;
    }
    return true;
  }

  bool act_on_replica(const std::string& command, ReplicaId id, uint64_t argument) {
    TestCluster& c = *cluster_;
    if (command == "wake") {
      wake(id);
    } else if (command == "tick") {
      c.tick(id);
    } else if (command == "propose") {
      const auto place = c.propose(id, "x");
      place ? trace_ << "entry " << place->index << "/" << place->term << "\n" : trace_ << "refused\n";
    } else if (command == "read") {
      c.read(id);
    } else if (command == "lease-read") {
      c.lease_read(id);
      const auto index = c.node(id).replica->lease_read_index(c.now_of(id));
      index ? trace_ << "served at " << *index << "\n" : trace_ << "no lease\n";
    } else if (command == "transfer") {
      c.transfer(id, replica_id(argument));
    } else if (command == "sync") {
      while (!c.node(id).unsynced.empty()) c.sync_one(id);
    } else if (command == "cut-log") {
      c.cut_log(id, true);
      trace_ << "starts behind " << c.node(id).disk.start_index << "\n";
    } else if (command == "snapshot" || command == "lose-snapshot") {
      if (c.node(id).snapshots.empty()) trace_ << "none is wanted\n";
      c.send_snapshot(id, command == "snapshot");
    } else if (command == "pause") {
      c.node(id).is_paused = true;
    } else if (command == "members") {
      print(c.node(id).replica->configuration());
    } else if (command == "crash") {
      c.crash(id, argument);
    } else if (command == "start") {
      c.start(id);
    } else if (command == "isolate") {
      c.isolate(id);
    } else {
      return false;
    }
    return true;
  }

  void wake(ReplicaId id) {
    const Instant deadline = cluster_->node(id).replica->next_deadline();
    if (deadline == Instant::never()) {
      trace_ << "it waits for nothing\n";
      return;
    }
    if (deadline > cluster_->now_of(id)) cluster_->advance(deadline - cluster_->now_of(id));
    cluster_->tick(id);
  }

  std::optional<size_t> oldest(ReplicaId from, ReplicaId to) const {
    const auto& network = cluster_->network();
    const auto found =
        std::find_if(network.begin(), network.end(), [&](const Message& m) { return m.from == from && m.to == to; });
    if (found == network.end()) return std::nullopt;
    return static_cast<size_t>(found - network.begin());
  }

  void print(const Configuration& configuration) {
    const auto list = [&](const char* what, const std::vector<ReplicaId>& ids) {
      if (ids.empty()) return;
      trace_ << what;
      for (const ReplicaId id : ids) trace_ << " " << id.node;
    };
    list("voters", configuration.voters);
    list(", outgoing", configuration.outgoing);
    list(", learners", configuration.learners);
    trace_ << (configuration == Configuration() ? "none\n" : "\n");
  }

  ReplicaOptions options_;
  std::unique_ptr<TestCluster> cluster_;
  std::ostringstream trace_;
};

// The file with every expectation replaced by what the commands print now.
std::string replay(const std::string& script) {
  Scenario scenario;
  std::istringstream lines(script);
  std::ostringstream out;
  bool is_expectation = false;
  for (std::string line; std::getline(lines, line);) {
    const bool is_command = line.starts_with("> ");
    if (is_expectation && !is_command && !line.empty()) continue;
    out << line << "\n";
    is_expectation = is_command;
    if (is_command) out << scenario.run(line.substr(2));
  }
  return out.str();
}

TEST(Scenario, EveryScriptPrintsWhatItSays) {
  const std::filesystem::path folder = std::filesystem::path(__FILE__).parent_path() / "scenarios";
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(folder)) files.push_back(file.path());
  std::sort(files.begin(), files.end());
  ASSERT_FALSE(files.empty());
  for (const auto& file : files) {
    std::ifstream in(file);
    const std::string script{std::istreambuf_iterator<char>(in), {}};
    const std::string printed = replay(script);
    if (std::getenv("TORC_REWRITE_SCENARIOS")) {
      std::ofstream(file) << printed;
    } else {
      EXPECT_EQ(printed, script) << file.filename();
    }
    EXPECT_EQ(printed.find("VIOLATION"), std::string::npos) << file.filename();
    EXPECT_EQ(printed.find("unknown command"), std::string::npos) << file.filename();
  }
}

}  // namespace
}  // namespace torc::consensus
