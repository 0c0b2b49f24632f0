// Whom this node talks to: it judges what a peer says about itself before any frame of it is taken.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "env/network.h"
#include "wire/introduction.h"

namespace torc::node {

class Admissions {
 public:
  /// `self` says what this node is at the moment; `is_voter` whether a life of a node counts in the group.
  struct Sources {
    std::function<wire::Introduction()> self;
    std::function<bool(consensus::ReplicaId)> is_voter;
  };
  explicit Admissions(Sources sources) : sources_(std::move(sources)) {}

  env::Admission judge(NodeId peer, std::string_view address, std::string_view introduction);
  void on_connected(NodeId peer, env::Channel channel);
  void on_disconnected(NodeId peer, env::Channel channel);
  /// No connection came about; `refusal` says why.
  void on_refused(NodeId peer, const env::Refusal& refusal) { peers_[peer].trouble = refusal.reason; }
  /// Why there is no connection to the peer; empty if there is one, or if nothing is known.
  const std::string& trouble(NodeId peer) const;

 private:
  struct Caller {
    consensus::ReplicaId id;
    std::string address;
  };
  struct Peer {
    std::optional<Caller> welcomed;      // judged last, and let in; connected next, if it comes to that
    std::optional<Caller> present;       // whom the connections that stand are with
    std::array<bool, 2> is_connected{};  // by channel
    std::string trouble;
    bool is_present() const { return is_connected[0] || is_connected[1]; }
  };
  env::Admission refuse(Peer& peer, std::string reason);
  env::Admission judge_beside(Peer& peer, const Caller& caller);

  Sources sources_;
  std::map<NodeId, Peer> peers_;
};

}  // namespace torc::node
