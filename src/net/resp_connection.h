// One RESP client: reads what its socket holds, runs all of it, and sends its replies once per turn.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "host/event_loop.h"
#include "kv/reply_sink.h"
#include "net/client_record.h"
#include "net/receive_buffer.h"
#include "net/reply_queue.h"
#include "node/service.h"
#include "wire/command_table.h"
#include "wire/resp_parser.h"

namespace torc::net {

class ClientSet;

/// Input flows as long as nothing piles up behind it: too many unanswered commands or too much unsent output leave the
/// rest of it in the socket (RespLimits), so a client that does not read is slowed down by TCP and not by our memory.
///
/// The answers come back through the node's calls of ClientPort, in any order and also from inside submit(). Those
/// calls never close the connection: a limit exceeded there only dooms it, and it is closed at the end of the turn.
class RespConnection final : public host::Watcher, public node::ClientPort {
 public:
  /// Takes the non-blocking `descriptor` over. `clients` outlives the connection.
  RespConnection(ClientSet& clients, int descriptor, ClientRecord record);
  ~RespConnection() override;
  RespConnection(const RespConnection&) = delete;
  RespConnection& operator=(const RespConnection&) = delete;

  void on_ready(bool is_readable, bool is_writable) override;
  kv::ReplySink& begin_reply(node::Ticket ticket) override;
  void end_reply(node::Ticket ticket) override;

  /// Sends what gathered, closes or resumes. Called once at the end of each turn in which something happened here.
  void end_turn();
  /// Runs the commands that were left over when a limit was reached.
  void resume();
  /// Closes a client that has taken nothing for too long while much is waiting, that goes on sending after its error,
  /// or that has nothing to say.
  void close_if_stuck_or_idle(Instant now);
  /// Has it closed at the end of the turn; answers are thrown away.
  void doom();
  /// Of its buffers, in the set's total.
  size_t accounted_bytes() const { return accounted_bytes_; }
  /// Closes the socket at once; the object lives until the end of the turn.
  void close();
  /// Executes nothing more, and closes once everything up to here has been answered and sent.
  void close_after_replies();
  /// The same, but the client closes first, or has linger_timeout to do so: input still on its way would reset the
  /// connection and could destroy the last answers.
  void say_goodbye();

  bool is_closed() const { return descriptor_ < 0; }
  ClientRecord& record() { return record_; }
  /// Record with its sizes brought up to date.
  const ClientRecord& describe_now();

 private:
  void receive();
  void receive_commands();
  void discard_input();
  void probe();
  size_t run(std::string_view input);
  bool must_pause() const;
  bool may_resume() const;

  bool execute(std::span<const std::string_view> args, size_t bytes);
  void execute_here(const wire::CommandRow& row, std::span<const std::string_view> args);
  void submit(const wire::CommandRow& row, std::span<const std::string_view> args, const kv::SessionCall* call);
  void submit_checked(const wire::CommandRow& row, std::span<const std::string_view> args, const kv::SessionCall* call);
  void submit_slot_query(const wire::CommandRow& query, std::span<const std::string_view> args);
  bool belongs_here(const wire::CommandRow& row, std::span<const std::string_view> args);
  void submit_call(std::span<const std::string_view> args);
  void draw_session(std::span<const std::string_view> args);
  void answer_error(std::string_view text);
  void fail(std::string_view error);

  AnswerEncoder& begin_answer(node::Ticket ticket);
  void finish_turn();
  bool send_output();
  bool is_finished() const;
  size_t unsent_bytes() const { return output_.size() - sent_; }
  void watch_for_what_matters();
  void account_buffers();
  void mark();

  ClientSet& clients_;
  int descriptor_;
  ClientRecord record_;
  node::ClientId client_;
  wire::RespParser parser_;
  ReceiveBuffer input_;  // only what could not be run from the set's shared buffer
  std::string output_;
  size_t sent_ = 0;  // of output_
  ReplyQueue replies_;
  kv::NullSink discarded_;

  size_t pending_bytes_ = 0;                  // of the commands submitted since nothing was pending
  size_t accounted_bytes_ = 0;                // in the set's total
  Instant stalled_since_ = Instant::never();  // output is waiting since then and nothing was taken
  Instant lingering_since_ = Instant::never();
  bool is_marked_ = false;           // in the set's list for the end of the turn
  bool is_paused_ = false;           // a limit was reached, or a command waits until all before it are answered
  bool awaits_all_replies_ = false;  // paused for the latter
  bool is_resuming_ = false;         // resume() is posted
  bool is_input_over_ = false;       // the client closed its side
  bool is_closing_ = false;          // execute nothing more; close once everything is answered and sent
  bool lingers_ = false;             // closes after the client has, or after linger_timeout
  bool is_doomed_ = false;           // close at the end of the turn; answers are thrown away
  bool has_room_ = false;            // the full socket has become writable
  bool wants_read_ = true;           // as registered with the loop
  bool wants_write_ = false;
};

}  // namespace torc::net
