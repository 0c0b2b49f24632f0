// One replica of three voters (it is node 1) with its time, for tests that play its peers by hand.
#pragma once

#include <optional>
#include <vector>

#include "consensus/replica.h"
#include "consensus/test_cluster.h"

namespace torc::consensus {

struct TestReplica {
  explicit TestReplica(const RestoredState& restored = empty(),
                       const ReplicaOptions& replica_options = default_options())
      : options(replica_options), replica(options, restored, now) {}

  static ReplicaOptions default_options() {
    ReplicaOptions options;
    options.group = GroupId(1);
    options.self = replica_id(1);
    return options;
  }
  static RestoredState empty() {
    RestoredState restored;
    restored.configuration.voters = {replica_id(1), replica_id(2), replica_id(3)};
    return restored;
  }
  /// A follower past the time in which it grants nothing, that has heard nobody.
  static TestReplica settled() { return TestReplica(Until::kSettled, default_options()); }
  /// A candidate of term 1 that waits for one more vote.
  static TestReplica campaigning() { return TestReplica(Until::kCampaigning, default_options()); }
  /// The leader of term 1; its first Ready has not been taken.
  static TestReplica leading(const ReplicaOptions& options = default_options()) {
    return TestReplica(Until::kLeading, options);
  }
  /// The leader of term 1 whose no-op everybody has.
  static TestReplica established(const ReplicaOptions& options = default_options()) {
    return TestReplica(Until::kEstablished, options);
  }

  void receive(ReplicaId from, MessageBody body) {
    replica.receive({options.group, from, options.self, std::move(body)}, now);
  }
  void advance(Duration by) { now = now + by; }
  void time_out() {
    now = std::max(now, replica.next_deadline());
    replica.tick(now);
  }
  Ready take() { return replica.take_ready(); }
  void persist_all() {
    const Ready ready = take();
    replica.persisted(ready.sequence, now);
  }
  /// `from` acknowledges everything and echoes the newest stamp sent to it.
  void acknowledge(ReplicaId from, uint64_t match, SendStamp stamp) {
    AppendReply reply;
    reply.term = status().term;
    reply.accepted = true;
    reply.match_index = LogIndex(match);
    reply.stamp = stamp;
    receive(from, reply);
  }
  ReplicaStatus status() const { return replica.status(now); }

  /// The last message of this kind (to `to`, if given).
  template <typename Body>
  static std::optional<Body> sent(const std::vector<Message>& messages, ReplicaId to = {}) {
    std::optional<Body> last;
    for (const Message& message : messages) {
      if (const Body* body = std::get_if<Body>(&message.body); body && (!to || message.to == to)) last = *body;
    }
    return last;
  }
  template <typename Body>
  static size_t count(const std::vector<Message>& messages) {
    size_t found = 0;
    for (const Message& message : messages) found += std::holds_alternative<Body>(message.body) ? 1 : 0;
    return found;
  }

  Instant now{1'000'000'000};
  ReplicaOptions options;
  Replica replica;

 protected:
  enum class Until { kSettled, kCampaigning, kLeading, kEstablished };
  TestReplica(Until until, const ReplicaOptions& replica_options) : TestReplica(empty(), replica_options) {
    if (until == Until::kSettled) {
      advance(options.election_timeout_min);
      return;
    }
    time_out();
    take();
    receive(replica_id(2), PreVoteReply{Term(1), true, Term(0), LogIndex(0), false});
    persist_all();
    if (until == Until::kCampaigning) return;
    receive(replica_id(2), VoteReply{Term(1), true});
    CHECK(status().role == Role::kLeader);
    if (until == Until::kLeading) return;
    const Ready ready = take();
    replica.persisted(ready.sequence, now);
    for (const uint64_t peer : {2, 3}) {
      acknowledge(replica_id(peer), 1, sent<AppendRequest>(ready.send_now, replica_id(peer))->stamp);
      const auto heartbeat = sent<HeartbeatRequest>(ready.send_now, replica_id(peer));
      receive(replica_id(peer), HeartbeatReply{Term(1), heartbeat->stamp, LogIndex(1)});
    }
    take();
  }
};

}  // namespace torc::consensus
