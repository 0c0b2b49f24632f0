// Every message of consensus, with who sends it and what it proves. Raft section numbers refer to the extended paper.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "base/strong_id.h"
#include "consensus/types.h"

namespace torc::consensus {

/// Leader's send stamp: strictly increasing over the messages of one leader, never below its clock in nanoseconds.
/// Replies echo it, so an echo proves "the sender still followed me after I sent this" (leases, ReadIndex).
using SendStamp = int64_t;

/// Sent by a pre-candidate to every voter: "would you vote for me in `term`?" Changes no state (thesis 9.6).
struct PreVoteRequest {
  Term term;  // the term the sender would campaign in: its own + 1
  LogIndex last_index;
  Term last_term;
};

/// Sent by a voter. A refusal tells the freshness of the voter's log, so that the pre-candidate can pull
/// (rules.md#pull-before-voting).
struct PreVoteReply {
  Term term;  // granted: the requested term; refused: the voter's current term
  bool granted = false;
  Term last_term;  // voter's last entry
  LogIndex last_index;
  bool hears_leader = false;  // voter heard from a live leader within an election timeout
};

/// Sent by a candidate to every voter once its own vote is durable (5.2, 5.4.1).
struct VoteRequest {
  Term term;
  LogIndex last_index;
  Term last_term;
  bool transfer = false;  // started by TimeoutNow: voters do not wait out the current leader's lease (thesis 4.2.3)
};

/// Sent by a voter after its term and vote are durable. Granted proves the voter votes for nobody else in `term`.
struct VoteReply {
  Term term;
  bool granted = false;
};

/// Sent by a leader to one member: entries after (prev_index, prev_term) (5.3).
struct AppendRequest {
  Term term;
  LogIndex prev_index;
  Term prev_term;
  LogIndex commit;  // leader's commit index
  LogIndex
      replicated_to_all;  // every voter is known to hold the log durably up to here: nobody will ask for older entries
  SendStamp stamp = 0;
  std::vector<Entry> entries;  // consecutive, first is prev_index + 1; may be empty (a probe)
};

/// Sent by a member. Accepted proves its log is durable and equal to the leader's up to match_index.
struct AppendReply {
  Term term;
  bool accepted = false;
  LogIndex match_index;  // accepted: durable and matching up to here
  LogIndex prev_index;   // rejected: echo of the request, so that a late rejection is told from a current one
  LogIndex hint_index;   // rejected: largest index at or below prev_index where the logs may agree (fast back-up, 5.3)
  Term hint_term;        //           and the member's term there
  SendStamp stamp = 0;
};

/// Sent by a leader to every member at the heartbeat interval, and at once when reads wait. Carries no entries.
struct HeartbeatRequest {
  Term term;
  LogIndex commit;  // min(leader's commit, match index of the receiver): safe to apply on arrival
  LogIndex replicated_to_all;
  SendStamp stamp = 0;
};

/// Sent at once, before any disk write: proves only that the sender accepted this leader in `term` after `stamp`.
struct HeartbeatReply {
  Term term;
  SendStamp stamp = 0;
  LogIndex last_index;  // the sender's last durable index, so that a leader notices a lost AppendRequest
};

/// Sent by a leader that hands over: campaign now. The sender holds no lease any more (thesis 3.10).
struct TimeoutNow {
  Term term;
};

/// Sent by a replica without a leader to a fresher one (rules.md#pull-before-voting): "what follows (prev_index,
/// prev_term) in your log?" Claims nothing.
struct PullRequest {
  LogIndex prev_index;
  Term prev_term;
};

/// Sent at once by whoever got a PullRequest, whatever its role: a piece of the sender's log as it is, committed or
/// not. Proves that the sender's log holds (prev_index, prev_term), these entries right behind it, and ends at
/// (last_index, last_term); and that its entries up to `commit` are committed. Claims no leadership, and is never
/// acknowledged.
struct PullReply {
  Term term;            // the sender's: whoever takes over entries or commit from here is in this term at least
  LogIndex asked_prev;  // echo of the request's prev_index
  LogIndex prev_index;  // asked_prev, or without entries where the logs may agree if they do not there
  Term prev_term;
  LogIndex last_index;
  Term last_term;
  LogIndex commit;
  bool needs_snapshot = false;  // the sender's log starts behind what was asked for
  std::vector<Entry> entries;   // consecutive, first is prev_index + 1
};

using MessageBody = std::variant<PreVoteRequest, PreVoteReply, VoteRequest, VoteReply, AppendRequest, AppendReply,
                                 HeartbeatRequest, HeartbeatReply, TimeoutNow, PullRequest, PullReply>;

struct Message {
  GroupId group;
  ReplicaId from;
  ReplicaId to;
  MessageBody body;
};

/// The term a message claims to be of; zero if it claims none.
inline Term term_of(const Message& message) {
  return std::visit(
      [](const auto& body) {
        if constexpr (requires { body.term; }) return body.term;
        return Term();
      },
      message.body);
}

}  // namespace torc::consensus
