#include "wire/peer_consensus.h"

#include <variant>

#include "wire/peer.pb.h"

namespace torc::wire {
namespace {

using namespace consensus;  // NOLINT: one message per line reads as a table

void write_body(const PreVoteRequest& m, pb::Consensus& out) {
  pb::PreVoteRequest& b = *out.mutable_pre_vote_request();
  b.set_term(m.term.value);
  b.set_last_index(m.last_index.value);
  b.set_last_term(m.last_term.value);
}
PreVoteRequest read_body(const pb::PreVoteRequest& b) {
  return {.term = Term(b.term()), .last_index = LogIndex(b.last_index()), .last_term = Term(b.last_term())};
}

void write_body(const PreVoteReply& m, pb::Consensus& out) {
  pb::PreVoteReply& b = *out.mutable_pre_vote_reply();
  b.set_term(m.term.value);
  b.set_granted(m.granted);
  b.set_last_term(m.last_term.value);
  b.set_last_index(m.last_index.value);
  b.set_hears_leader(m.hears_leader);
}
PreVoteReply read_body(const pb::PreVoteReply& b) {
  return {.term = Term(b.term()),
          .granted = b.granted(),
          .last_term = Term(b.last_term()),
          .last_index = LogIndex(b.last_index()),
          .hears_leader = b.hears_leader()};
}

void write_body(const VoteRequest& m, pb::Consensus& out) {
  pb::VoteRequest& b = *out.mutable_vote_request();
  b.set_term(m.term.value);
  b.set_last_index(m.last_index.value);
  b.set_last_term(m.last_term.value);
  b.set_transfer(m.transfer);
}
VoteRequest read_body(const pb::VoteRequest& b) {
  return {.term = Term(b.term()),
          .last_index = LogIndex(b.last_index()),
          .last_term = Term(b.last_term()),
          .transfer = b.transfer()};
}

void write_body(const VoteReply& m, pb::Consensus& out) {
  pb::VoteReply& b = *out.mutable_vote_reply();
  b.set_term(m.term.value);
  b.set_granted(m.granted);
}
VoteReply read_body(const pb::VoteReply& b) { return {.term = Term(b.term()), .granted = b.granted()}; }

void write_body(const AppendRequest& m, pb::Consensus& out) {
  pb::AppendRequest& b = *out.mutable_append_request();
  b.set_term(m.term.value);
  b.set_prev_index(m.prev_index.value);
  b.set_prev_term(m.prev_term.value);
  b.set_commit(m.commit.value);
  b.set_replicated_to_all(m.replicated_to_all.value);
  b.set_stamp(m.stamp);
}
AppendRequest read_body(const pb::AppendRequest& b) {
  AppendRequest m;
  m.term = Term(b.term());
  m.prev_index = LogIndex(b.prev_index());
  m.prev_term = Term(b.prev_term());
  m.commit = LogIndex(b.commit());
  m.replicated_to_all = LogIndex(b.replicated_to_all());
  m.stamp = b.stamp();
  return m;
}

void write_body(const AppendReply& m, pb::Consensus& out) {
  pb::AppendReply& b = *out.mutable_append_reply();
  b.set_term(m.term.value);
  b.set_accepted(m.accepted);
  b.set_match_index(m.match_index.value);
  b.set_prev_index(m.prev_index.value);
  b.set_hint_index(m.hint_index.value);
  b.set_hint_term(m.hint_term.value);
  b.set_stamp(m.stamp);
}
AppendReply read_body(const pb::AppendReply& b) {
  return {.term = Term(b.term()),
          .accepted = b.accepted(),
          .match_index = LogIndex(b.match_index()),
          .prev_index = LogIndex(b.prev_index()),
          .hint_index = LogIndex(b.hint_index()),
          .hint_term = Term(b.hint_term()),
          .stamp = b.stamp()};
}

void write_body(const HeartbeatRequest& m, pb::Consensus& out) {
  pb::HeartbeatRequest& b = *out.mutable_heartbeat_request();
  b.set_term(m.term.value);
  b.set_commit(m.commit.value);
  b.set_replicated_to_all(m.replicated_to_all.value);
  b.set_stamp(m.stamp);
}
HeartbeatRequest read_body(const pb::HeartbeatRequest& b) {
  return {.term = Term(b.term()),
          .commit = LogIndex(b.commit()),
          .replicated_to_all = LogIndex(b.replicated_to_all()),
          .stamp = b.stamp()};
}

void write_body(const HeartbeatReply& m, pb::Consensus& out) {
  pb::HeartbeatReply& b = *out.mutable_heartbeat_reply();
  b.set_term(m.term.value);
  b.set_stamp(m.stamp);
  b.set_last_index(m.last_index.value);
}
HeartbeatReply read_body(const pb::HeartbeatReply& b) {
  return {.term = Term(b.term()), .stamp = b.stamp(), .last_index = LogIndex(b.last_index())};
}

void write_body(const TimeoutNow& m, pb::Consensus& out) { out.mutable_timeout_now()->set_term(m.term.value); }
TimeoutNow read_body(const pb::TimeoutNow& b) { return {.term = Term(b.term())}; }

void write_body(const PullRequest& m, pb::Consensus& out) {
  pb::PullRequest& b = *out.mutable_pull_request();
  b.set_prev_index(m.prev_index.value);
  b.set_prev_term(m.prev_term.value);
}
PullRequest read_body(const pb::PullRequest& b) {
  return {.prev_index = LogIndex(b.prev_index()), .prev_term = Term(b.prev_term())};
}

void write_body(const PullReply& m, pb::Consensus& out) {
  pb::PullReply& b = *out.mutable_pull_reply();
  b.set_term(m.term.value);
  b.set_asked_prev(m.asked_prev.value);
  b.set_prev_index(m.prev_index.value);
  b.set_prev_term(m.prev_term.value);
  b.set_last_index(m.last_index.value);
  b.set_last_term(m.last_term.value);
  b.set_commit(m.commit.value);
  b.set_needs_snapshot(m.needs_snapshot);
}
PullReply read_body(const pb::PullReply& b) {
  PullReply m;
  m.term = Term(b.term());
  m.asked_prev = LogIndex(b.asked_prev());
  m.prev_index = LogIndex(b.prev_index());
  m.prev_term = Term(b.prev_term());
  m.last_index = LogIndex(b.last_index());
  m.last_term = Term(b.last_term());
  m.commit = LogIndex(b.commit());
  m.needs_snapshot = b.needs_snapshot();
  return m;
}

}  // namespace

void write_header(ReplicaId id, pb::ReplicaId& out) {
  out.set_node(id.node.value);
  out.set_number(id.number.value);
}

ReplicaId read_header(const pb::ReplicaId& in) {
  return {.node = NodeId(in.node()), .number = ReplicaNumber(in.number())};
}

void write_header(LifeId id, pb::LifeId& out) {
  out.set_node(id.node.value);
  out.set_incarnation(id.incarnation.value);
}

LifeId read_header(const pb::LifeId& in) {
  return {.node = NodeId(in.node()), .incarnation = Incarnation(in.incarnation())};
}

void write_header(const Message& message, pb::Consensus& out) {
  out.set_group(message.group.value);
  write_header(message.from, *out.mutable_from());
  write_header(message.to, *out.mutable_to());
  std::visit([&out](const auto& body) { write_body(body, out); }, message.body);
}

bool read_header(const pb::Consensus& in, Message& message) {
  message.group = GroupId(in.group());
  message.from = read_header(in.from());
  message.to = read_header(in.to());
  switch (in.body_case()) {
    case pb::Consensus::kPreVoteRequest:
      message.body = read_body(in.pre_vote_request());
      return true;
    case pb::Consensus::kPreVoteReply:
      message.body = read_body(in.pre_vote_reply());
      return true;
    case pb::Consensus::kVoteRequest:
      message.body = read_body(in.vote_request());
      return true;
    case pb::Consensus::kVoteReply:
      message.body = read_body(in.vote_reply());
      return true;
    case pb::Consensus::kAppendRequest:
      message.body = read_body(in.append_request());
      return true;
    case pb::Consensus::kAppendReply:
      message.body = read_body(in.append_reply());
      return true;
    case pb::Consensus::kHeartbeatRequest:
      message.body = read_body(in.heartbeat_request());
      return true;
    case pb::Consensus::kHeartbeatReply:
      message.body = read_body(in.heartbeat_reply());
      return true;
    case pb::Consensus::kTimeoutNow:
      message.body = read_body(in.timeout_now());
      return true;
    case pb::Consensus::kPullRequest:
      message.body = read_body(in.pull_request());
      return true;
    case pb::Consensus::kPullReply:
      message.body = read_body(in.pull_reply());
      return true;
    case pb::Consensus::BODY_NOT_SET:
      return false;
  }
  return false;
}

}  // namespace torc::wire
