// Commands of this node's clients on their way to the leader, and back: one ordered stream, one session, safe retries.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/strong_id.h"
#include "base/time.h"
#include "node/clients.h"
#include "node/forward_path.h"
#include "node/proposals.h"
#include "wire/peer_message.h"

namespace torc::node {

/// Where the forwarder's messages go, and where commands go when this node turns out to be the leader itself.
class ForwarderHost : public ForwardNeighbours {
 public:
  virtual void execute_here(Waiter waiter, bool is_write, const kv::CommandView& command, const kv::SessionCall* call,
                            Retry retry) = 0;
};

/// Every write carries the session of this (node, incarnation), registered when first needed, so that a write sent
/// twice is executed once (rules.md#exactly-once). A session that the state machine no longer knows is replaced; what
/// certainly was not executed under it is sent again under the new one. Reads are simply sent again. The stream
/// restarts with a new epoch whenever the way it takes, the connection or the leader's willingness changes; the
/// receiver takes batches of an epoch only in order.
class Forwarder {
 public:
  Forwarder(GroupId group, ForwarderHost& host, Clients& clients, Duration command_timeout, uint64_t process_seed);

  /// `call` and `retry`: the label the command has already, and who knows of it (kNone: no label).
  /// Refused at once when kOutstandingBytesMax wait. Requires: the waiter was started (Clients::start).
  void submit(Waiter waiter, bool is_write, const kv::CommandView& command, const kv::SessionCall* call, Retry retry,
              Instant now);
  void on_reply(NodeId from, const wire::ForwardReply& reply, Instant now);
  /// The connection to `node` broke or came back: what was sent may be lost.
  void on_connection_changed(NodeId node);
  /// Sends what waits. `leader`: none if unknown; `self_leads`: execute everything here instead.
  void flush(NodeId leader, bool self_leads, Instant now);
  /// Answers commands whose deadline has passed, and repeats what has gone unanswered for long.
  void expire(Instant now);
  size_t outstanding() const { return outstanding_.size(); }
  uint64_t forwarded_count() const { return forwarded_count_; }

  /// Bounds what clients can make a node hold while there is no leader, or a slow one.
  static constexpr size_t kOutstandingBytesMax = 256u << 20;

 private:
  struct Outstanding {
    Waiter waiter;
    CommandCopy command;
    std::optional<kv::SessionCall> label;  // it came with; otherwise writes get this node's session
    Retry retry = Retry::kNone;
    Instant deadline;
    bool is_write = false;
    int sends = 0;  // a refusal of the first is final; of a later one it says nothing about the earlier
    bool is_done = false;

    bool may_be_executed() const { return is_write && (sends > 0 || retry == Retry::kUnknown); }
  };
  bool needs_session(const Outstanding& item) const { return item.is_write && !item.label; }
  void restart_stream();
  wire::ForwardRequest next_request();
  bool is_waiting() const { return is_registering_ || next_unsent_ > first_sequence_; }
  void register_session(Instant now);
  void execute_all_here();
  void pop_done();
  void on_registration(std::string_view recorded, Instant now);
  /// False if the answer only means "send it again".
  bool answer(Outstanding& item, std::string_view recorded);
  bool is_final(const Outstanding& item, std::string_view recorded) const;
  bool is_about_lost_session(const Outstanding& item, std::string_view recorded) const;
  void lose_session(uint64_t sequence);
  bool may_replace_session(Instant now) const;
  kv::ReplySink& finish(Outstanding& item);

  GroupId group_;
  ForwarderHost& host_;
  Clients& clients_;
  Duration command_timeout_;

  std::deque<Outstanding> outstanding_;  // sequence of the front: first_sequence_
  size_t outstanding_bytes_ = 0;
  uint64_t first_sequence_ = 1;
  uint64_t next_unsent_ = 1;
  size_t unanswered_bytes_ = 0;

  kv::SessionId session_;
  uint64_t session_epoch_ = 0;  // sends of this epoch and later ones carry session_
  Instant session_used_;        // by a write: reads do not keep it alive at the state machine
  bool is_registering_ = false;

  ForwardPath path_;
  ForwardPath::Hop hop_;
  uint64_t epoch_;  // high half: this process; low half: counts restarts of the stream
  uint64_t next_batch_ = 0;
  Instant last_progress_;
  Instant front_since_;  // the oldest unanswered command is that since then, or the stream started again
  Instant resume_at_;    // a rejected stream waits a little before it tries again
  uint64_t forwarded_count_ = 0;
};

}  // namespace torc::node
