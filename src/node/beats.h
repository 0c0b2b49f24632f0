// Heartbeats go per pair of nodes, not per group (rules.md#heartbeats-per-node-pair): one link's, in both directions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/time.h"
#include "consensus/message.h"
#include "consensus/replica.h"
#include "wire/beat.h"
#include "wire/peer_message.h"

namespace torc::node {

class Resting;

/// The groups know nothing of this: each says its own heartbeats and answers, and is given those of others. On their
/// way the heartbeats of a turn are one beat, and the answers one reply that names the exceptions only. Out of it come
/// the very messages that went in, for whoever was asked keeps what it was asked. So what a heartbeat and its answer
/// prove stays as it is: no group is told an answer that nobody gave, and a lease is renewed by nothing else.
///
///   leader's node                                    follower's node
///   group 1: heartbeat, stamp 70  \                  group 1: "follows, stamp 70, durable to 9"  \   BeatReply 4:
///   group 2: heartbeat, stamp 71   } Beat 4  ---->   group 2: says nothing                        }  not 2,
///   group 3: heartbeat, stamp 72  /                  group 3: "follows, stamp 72, durable to 12" /   3 ends at 12
///   out of the kept Beat 4: answers to groups 1 and 3 only   <----
///
/// Lost, doubled and overtaken frames are harmless: a reply counts for the rounds of its own beat, and once.
class Beats {
 public:
  /// Heartbeats without an answer that are remembered. Later ones push the oldest out: their replies then tell nothing.
  static constexpr size_t kUnansweredMax = 16u << 10;
  /// Beats of one turn that are answered by a reply; the answers to more go one by one.
  static constexpr size_t kUnrepliedMax = 64;

  /// `next_number` begins at random, so that no answer to a former process of this node fits.
  explicit Beats(uint64_t& next_number) : next_number_(next_number) {}

  // ---- the side that leads ----
  void gather(GroupId group, const consensus::SentHeartbeat& heartbeat);
  /// What of this turn's heartbeats is said now: a single one as it is, several as beats.
  [[nodiscard]] std::vector<wire::PeerMessage> take_beats();
  /// What the groups of that beat have answered, but for those that rest: they have heard it (null: none rests).
  /// Nothing for one that is not remembered.
  [[nodiscard]] std::vector<consensus::Message> open(NodeId self, NodeId peer, const wire::BeatReply& reply,
                                                     Resting* resting, Instant now);

  // ---- the side that follows ----
  /// The heartbeats in it, but for those that groups at rest have answered: that is noted.
  [[nodiscard]] std::vector<consensus::Message> open(NodeId self, NodeId peer, wire::Beat beat, Resting* resting,
                                                     Instant now);
  /// False: it answers no beat of this turn, and has to go on its own.
  [[nodiscard]] bool note(const consensus::Message& answer);
  /// The replies to this turn's beats; what was not noted by now is named as not answered.
  [[nodiscard]] std::vector<wire::PeerMessage> take_replies();

  /// The control connection is another one, or gone: nothing of before will be answered.
  void forget();
  size_t unanswered() const { return unanswered_count_; }

 private:
  struct Received {
    wire::Beat beat;
    std::vector<std::optional<LogIndex>> answers;  // of those that follow: where their durable logs end
    size_t answered = 0;
  };

  uint64_t& next_number_;
  std::vector<wire::Heartbeat> gathered_;
  NodeId self_;  // of what is gathered
  NodeId peer_;
  std::deque<wire::Beat> unanswered_;  // by number, oldest first
  size_t unanswered_count_ = 0;        // heartbeats in it
  std::vector<Received> unreplied_;
};

}  // namespace torc::node
