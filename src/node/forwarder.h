// Commands of this node's clients on their way to the leader, and back: one ordered stream, one session, safe retries.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "base/prng.h"
#include "base/strong_id.h"
#include "base/time.h"
#include "node/client_turns.h"
#include "node/clients.h"
#include "node/forward_budget.h"
#include "node/forward_path.h"
#include "node/proposals.h"
#include "wire/peer_message.h"

namespace torc::node {

/// Where the forwarder's messages go, and where commands go when this node turns out to be the leader itself.
class ForwarderHost : public ForwardNeighbours {
 public:
  virtual void execute_here(const Request& request) = 0;
};

/// Every write carries this process's session, so that a write sent twice is executed once (rules.md#exactly-once). A
/// session that the state machine no longer knows is replaced; what certainly was not executed under it is sent again
/// under the new one. A client's own label goes along as it is, as a first send at most once.
///
/// The session is opened by a command of its own, which does nothing, before anything is sent under it. A client's
/// write cannot open it: sent again because the leader died it would meet no session, and its client, who did nothing
/// wrong, be told that nobody knows. Each attempt to open one draws a new id and is never repeated: an attempt that was
/// lost may come through much later, and would begin the session anew when the group has forgotten what was executed
/// under it. So no command of a node's session but the first can ever open it.
///
/// Reads are simply sent again. The stream
/// restarts with a new epoch whenever the way it takes, the connection or the leader's willingness changes; the
/// receiver takes batches of an epoch only in order.
///
/// Only a window of commands is given sequences at a time. What does not fit waits by client, and clients take turns,
/// so that one client's pipeline holds up nobody else's. How much may wait here at all is for Clients to say.
class Forwarder {
 public:
  /// `prng`: of this process and no other. `budget`: of the node; outlives this.
  Forwarder(GroupId group, ForwarderHost& host, Clients& clients, ForwardBudget& budget, Prng prng);
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;

  /// Requires: the waiter was started (Clients::start).
  void submit(const Request& request);
  void on_reply(NodeId from, const wire::ForwardReply& reply, Instant now);
  /// The connection to `node` broke or came back: what was sent may be lost.
  void on_connection_changed(NodeId node);
  /// Sends what waits. `leader`: none if unknown; `self_leads`: execute everything here instead.
  void flush(NodeId leader, bool self_leads, Instant now);
  /// Answers commands whose deadline has passed, and repeats what has gone unanswered for long.
  void expire(Instant now);
  /// Commands without an answer.
  size_t outstanding() const { return outstanding_.size() + waiting_.size(); }
  /// Nothing goes on that flush() or expire() would look after.
  bool is_idle() const { return outstanding() == 0 && !opening_ && shares_.empty(); }
  uint64_t forwarded_count() const { return forwarded_count_; }
  void add_gauges(std::vector<Gauge>& gauges) const;

  // The window: commands that have a sequence and no answer. Kept below what the session keeps answers for; their bytes
  // below what is left of the node's budget.
  static constexpr size_t kWindowMax = 16384;
  static constexpr size_t kClientWindowBytesMax = 12u << 20;  // of one client's large commands or answers, or one
  /// Commands of a client of whose answers nothing is known yet.
  static constexpr size_t kClientWindowBegin = 8;
  /// Commands and answers are large from this size on.
  static constexpr size_t kLargeBytes = 64u << 10;

 private:
  static constexpr uint64_t kOpening = 0;                 // sequence of the command that opens the session
  static constexpr Duration kRepeatAfter = 1s;            // no answer at all for this long: the stream starts again
  static constexpr Duration kPauseAfterRejection = 20ms;  // elections take longer than a round trip
  /// Sessions expire at the state machine after an idle hour; one that rested for this long is replaced before it is
  /// used.
  static constexpr Duration kSessionIdleMax = 10min;

  struct Outstanding {
    KeptRequest kept;  // a write without a label gets this node's session
    size_t bytes = 0;  // KeptRequest::bytes()
    int sends = 0;
    bool went_elsewhere = false;  // a copy that the present leader may not have been given yet, and others may
    bool is_done = false;

    const Request* operator->() const { return &kept.request(); }
    bool may_be_executed() const { return kept->is_write && (sends > 0 || kept->retry == Retry::kUnknown); }
  };
  struct Share {
    size_t commands = 0;  // in the window, without an answer
    size_t commands_max = kClientWindowBegin;
    size_t large_bytes = 0;  // of these, of large ones
  };
  static void learn(Share& share, size_t answer_bytes);
  bool needs_session(const Outstanding& item) const { return item->is_write && !item->label; }
  bool has_room_for(const Outstanding& item) const;
  void enter(Outstanding item);
  void leave(Outstanding& item);
  void give_back(size_t bytes);
  void fill_window();
  void restart_stream();
  void note_copies_elsewhere();
  wire::ForwardRequest next_request();
  void send_window(Instant now);
  void send_batch(Instant now);
  void send(const wire::ForwardRequest& request);
  void note_floor_sent();
  void confirm_replies(Instant now);
  void take_back(uint64_t rejected_batch);
  void refuse_overdue(Instant now);
  bool is_waiting() const { return opening_ || next_unsent_ > first_sequence_; }
  void open_session(Instant now);
  void execute_all_here();
  void pop_done();
  std::optional<kv::SessionCall> label_to_send(const Outstanding& item) const;
  void on_session_opened(std::string_view recorded, Instant now);
  /// Whether a refusal of the copy that is answered is true of all copies that went out.
  bool is_about_everything_sent(const Outstanding& item, kv::Refusal refusal) const;
  /// False if the answer only means "send it again".
  bool answer(Outstanding& item, std::string_view recorded);
  bool is_final(const Outstanding& item, std::string_view recorded) const;
  bool is_about_lost_session(const Outstanding& item, std::string_view recorded) const;
  void lose_session(uint64_t sequence);
  bool may_replace_session(Instant now) const;
  kv::ReplySink& finish(Outstanding& item);
  void refuse(Outstanding& item, kv::Refusal refusal);

  GroupId group_;
  ForwarderHost& host_;
  Clients& clients_;
  ForwardBudget& budget_;

  ClientTurns<Outstanding> waiting_;     // without a sequence
  std::deque<Outstanding> outstanding_;  // sequence of the front: first_sequence_
  size_t done_count_ = 0;                // of `outstanding_`, behind one that is not
  size_t window_bytes_ = 0;              // of those without an answer; the others hold nothing any more
  size_t waiting_bytes_ = 0;
  std::map<ClientId, Share> shares_;  // of clients that were in the window a moment ago
  uint64_t first_sequence_ = 1;
  uint64_t next_unsent_ = 1;

  Prng prng_;
  kv::SessionId session_;
  uint64_t session_epoch_ = 0;  // sends of this epoch and later ones carry session_
  Instant session_used_;        // by a write: reads do not keep it alive at the state machine
  kv::SessionId opening_;       // the session that is being opened in this epoch, if one is

  ForwardPath path_;
  ForwardPath::Hop hop_;
  NodeId leader_;   // at the end of the way, as far as is known
  uint64_t epoch_;  // high half: this process; low half: counts restarts of the stream
  uint64_t next_batch_ = 0;
  std::deque<uint64_t> batch_begins_;  // first sequences of the last batches of this epoch
  uint64_t floor_sent_ = 0;
  size_t unconfirmed_reply_bytes_ = 0;  // answers that arrived since a floor was sent last
  Instant expiry_checked_at_{};
  Instant last_progress_;
  Instant front_since_;  // the oldest unanswered command is that since then, or the stream started again
  Instant sending_at_;   // when the way out of this node was last seen busy
  /// How much longer than usual answers are waited for: doubled by each repetition, as those to what was sent before
  /// it are lost.
  int patience_ = 1;
  Instant resume_at_;  // a rejected stream waits a little before it tries again
  uint64_t forwarded_count_ = 0;
};

}  // namespace torc::node
