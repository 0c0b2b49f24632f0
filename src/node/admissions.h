// Whom this node talks to: it judges what a peer says about itself before any frame of it is taken.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "env/network.h"
#include "node/chapters.h"
#include "wire/introduction.h"
#include "wire/peer_message.h"

namespace torc::node {

/// What the judgement rests on, besides the chapters.
class AdmissionSources {
 public:
  virtual ~AdmissionSources() = default;
  /// What this node is at the moment.
  virtual wire::Introduction own_introduction() const = 0;
  /// A replica of this life of a node counts in its group.
  virtual bool is_voter(LifeId life, const wire::HeldReplicas& replicas) const = 0;
  /// This node leads, and was told by an earlier start of this life that it holds more than it now says.
  virtual bool has_forgotten(const wire::Introduction& introduction) const = 0;
};

class Admissions {
 public:
  /// Everything it is given outlives it.
  Admissions(const AdmissionSources& sources, Chapters& chapters) : sources_(sources), chapters_(chapters) {}

  env::Admission judge(NodeId peer, std::string_view address, std::string_view introduction, Instant now);
  void on_connected(NodeId peer, env::Channel channel, Instant now);
  void on_disconnected(NodeId peer, env::Channel channel);
  /// A frame of the peer arrived.
  void on_heard(NodeId peer, Instant now) { peers_[peer].heard_at = now; }
  /// No connection came about; `refusal` says why.
  void on_refused(NodeId peer, const env::Refusal& refusal) { peers_[peer].trouble = refusal.reason; }
  /// There are two processes with this number, somebody says (this node, if it refused one).
  void note_twin(const wire::TwinReport& report, Instant now);
  /// To be told to everyone: now and then while somebody is refused for that reason.
  std::optional<wire::TwinReport> take_twin_report();
  bool has_twin(NodeId node, Instant now) const;
  /// One line for each number that there are two processes with.
  std::vector<std::string> twins(Instant now) const;
  /// Why there is no connection to the peer; empty if there is one, or if nothing is known.
  const std::string& trouble(NodeId peer) const;

  /// A connection of which nothing was heard for so long may be to a process that is gone. Every two nodes tell each
  /// other their clocks more often (node/clock_watch.h).
  static constexpr Duration kSilentFor = 3s;
  /// Whoever is still heard so long after another process came with its number is another process.
  static constexpr Duration kTwinAfter = 2s;
  /// Between reports that it is so, and after how long without one it is over.
  static constexpr Duration kTwinReportInterval = 5s;
  static constexpr Duration kTwinReportFor = 15s;

 private:
  /// A process: one start of one life of a node.
  struct Caller {
    LifeId life;
    wire::HeldReplicas replicas;
    uint64_t start = 0;
    std::string address;
    bool is_same_process(const Caller& other) const { return life == other.life && start == other.start; }
  };
  struct Peer {
    std::optional<Caller> welcomed;      // judged last, and let in; connected next, if it comes to that
    std::optional<Caller> present;       // whom the connections that stand are with
    std::array<bool, 2> is_connected{};  // by channel
    Instant heard_at;
    std::optional<Caller> waiting;  // beside `present`, which may or may not be gone
    Instant waiting_since;
    std::string trouble;
    bool is_present() const { return is_connected[0] || is_connected[1]; }
  };
  env::Admission refuse(Peer& peer, env::RefusalKind kind, std::string reason, std::string proof = {});
  env::Admission judge_beside(Peer& peer, const Caller& caller, Instant now);
  env::Admission judge_memory(Peer& peer, const wire::Introduction& introduction);

  const AdmissionSources& sources_;
  Chapters& chapters_;
  std::map<NodeId, Peer> peers_;
  struct Twin {
    std::string text;
    Instant reported_at;
  };
  std::map<NodeId, Twin> twins_;
  std::optional<wire::TwinReport> untold_twin_;
};

}  // namespace torc::node
