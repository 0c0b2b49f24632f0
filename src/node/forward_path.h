// Which way this node's forwarded commands take: straight to the leader, or through one other member while that link is
// cut (rules.md#one-relay-hop).
#pragma once

#include <vector>

#include "base/strong_id.h"
#include "base/time.h"
#include "wire/peer_message.h"

namespace torc::node {

/// The members that commands could be sent to, and the asking.
class ForwardNeighbours {
 public:
  virtual ~ForwardNeighbours() = default;
  /// All members but this node, in a fixed order.
  virtual std::vector<NodeId> neighbours() const = 0;
  virtual bool can_send_to(NodeId node) const = 0;
  /// What was sent before is still on its way out of this node.
  virtual bool is_sending_to(NodeId node) const = 0;
  virtual void send_to(NodeId node, const wire::ForwardRequest& request) = 0;
};

/// The direct path is taken whenever it works. It is cut if there is no connection, or if neither an answer nor a reply
/// to a probe came for a while; it is unknown if this node hears no leader. Then every member is asked whether it would
/// pass commands on, and the first to confirm it does: the answer comes from the leader itself, through that member.
/// Meanwhile the direct path is probed, and taken again at the first answer.
class ForwardPath {
 public:
  struct Hop {
    NodeId to;  // none: no way is known
    bool is_relayed = false;
    bool operator==(const Hop&) const = default;
  };
  struct Traffic {
    bool has_work = false;    // commands wait to be sent or answered
    bool is_waiting = false;  // for answers to what was sent
    Instant last_progress;    // of `is_waiting`
    uint64_t epoch = 0;
    uint64_t floor = 0;  // answers to everything below have arrived
  };
  ForwardPath(GroupId group, ForwardNeighbours& neighbours) : group_(group), neighbours_(neighbours) {}

  /// The way to take now; may send probes. `leader`: whom this node follows; none if unknown.
  Hop choose(NodeId leader, const Traffic& traffic, Instant now);
  /// The answer to a probe.
  void on_answer(NodeId from, const wire::ForwardReply& reply, Instant now);
  /// `node` refused what was sent to it.
  void on_rejection(NodeId node);
  void on_connection_changed(NodeId node);

  /// Nothing came back for this long: ask. Longer than a commit on a slow disk usually takes.
  static constexpr Duration kSilentAfter = 200ms;
  /// Nothing came back on that either: the way is cut.
  static constexpr Duration kAnswerWithin = 200ms;
  /// Between rounds of questions while no way is known.
  static constexpr Duration kSearchInterval = 50ms;
  /// Between probes of the direct path while another is taken.
  static constexpr Duration kDirectProbeInterval = 200ms;
  /// Older answers say nothing about now.
  static constexpr Duration kAnswerAgeMax = 1s;

 private:
  Hop best_hop() const;
  bool is_cut(Hop hop, const Traffic& traffic, Instant now);
  void search(const Traffic& traffic, Instant now);
  void probe(Hop hop, const Traffic& traffic, Instant now);

  GroupId group_;
  ForwardNeighbours& neighbours_;
  NodeId leader_;
  NodeId relay_;  // confirmed to reach the leader; none: not needed or not found
  bool is_direct_cut_ = false;
  Hop hop_;                                // what choose() said last
  Instant heard_at_;                       // hop_ was chosen, or confirmed by a probe
  Instant doubted_at_ = Instant::never();  // hop_ was asked and has not answered since
  Instant searched_at_{};
  Instant direct_probed_at_{};
};

}  // namespace torc::node
