#include "net/resp_connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "kv/recorded_reply.h"
#include "kv/shape.h"
#include "kv/state_machine.h"
#include "net/client_set.h"
#include "net/cluster_command.h"
#include "wire/resp_number.h"

namespace torc::net {
namespace {

using wire::CommandRow;
using wire::ConnectionCommand;

/// Sent part of the output that is cut off while the rest is still waiting.
constexpr size_t kSentBytesCut = 1u << 20;
constexpr size_t kOutputBytesFirst = 64;  // a smaller buffer is replaced by a spare one

/// These change how later commands or all answers are treated, so everything before them must have been answered.
bool waits_for_all_replies(ConnectionCommand command) {
  return command == ConnectionCommand::kHello || command == ConnectionCommand::kReset;
}

/// Costs as much as the node has clients, groups or commands, whatever was sent.
bool describes_node(ConnectionCommand command) {
  return command == ConnectionCommand::kClient || command == ConnectionCommand::kInfo ||
         command == ConnectionCommand::kCommand || command == ConnectionCommand::kCluster;
}

/// The first words of HTTP requests: a page in a browser must not be able to run commands here (as Redis).
bool is_cross_protocol(std::string_view name) {
  return wire::equals_ignoring_case(name, "POST") || wire::equals_ignoring_case(name, "HOST:");
}

/// The data command behind a CLUSTER subcommand that asks a group's state; null if it is something else.
const CommandRow* slot_query(const CommandRow& row, std::span<const std::string_view> args) {
  return row.connection == ConnectionCommand::kCluster ? slot_query_of(args.subspan(1)) : nullptr;
}

std::string too_many_keys(size_t keys, size_t keys_max) {
  return "ERR a command of " + std::to_string(keys) + " keys, this node takes " + std::to_string(keys_max) +
         " at a time (--max-command-keys)";
}

bool is_transient(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

RespConnection::RespConnection(ClientSet& clients, int descriptor, ClientRecord record)
    : clients_(clients), descriptor_(descriptor), record_(std::move(record)), replies_(output_, clients.service()) {
  client_ = clients_.service().open_client(*this, record_.door);
  clients_.loop().watch(descriptor_, this, wants_read_, wants_write_);
}

RespConnection::~RespConnection() { close(); }

void RespConnection::close() {
  if (is_closed()) return;
  clients_.loop().unwatch(descriptor_);
  ::close(descriptor_);
  descriptor_ = -1;
  clients_.service().close_client(client_);
  clients_.account(-static_cast<ptrdiff_t>(std::exchange(accounted_bytes_, 0)));
  mark();
}

void RespConnection::close_after_replies() {
  is_closing_ = true;
  mark();
}

void RespConnection::say_goodbye() {
  lingers_ = true;
  is_paused_ = false;  // what the client still sends is read and thrown away
  close_after_replies();
}

void RespConnection::mark() {
  if (!std::exchange(is_marked_, true)) clients_.mark(*this);
}

void RespConnection::doom() {
  if (std::exchange(is_doomed_, true)) return;
  ++clients_.stats().buffer_limit_disconnections;
  // Its memory comes back at the end of the turn; nobody else is to be closed for it until then.
  clients_.account(-static_cast<ptrdiff_t>(std::exchange(accounted_bytes_, 0)));
  mark();
}

// ---- input ----

void RespConnection::on_ready(bool is_readable, bool is_writable) {
  if (is_closed()) return;
  mark();
  if (is_writable) has_room_ = true;
  if (is_readable) receive();
}

void RespConnection::receive() {
  if (!wants_read_) return probe();
  if (is_closing_) return discard_input();
  if (!clients_.is_turn_full()) receive_commands();
}

/// One receive, into the buffer that all clients share unless the beginning of a command is waiting for its rest.
void RespConnection::receive_commands() {
  const bool is_own = !input_.empty();
  const std::span<char> space = is_own ? input_.space(parser_.bytes_expected()) : clients_.receive_space();
  const ssize_t count = ::recv(descriptor_, space.data(), space.size(), 0);
  if (count < 0) {
    if (!is_transient(errno)) close();
    return;
  }
  if (count == 0) {
    is_input_over_ = true;
    return;
  }
  const auto bytes = static_cast<size_t>(count);
  clients_.stats().input_bytes += bytes;
  record_.last_active_at = clients_.loop().clock().now();
  if (is_own) {
    input_.received(bytes);
    input_.consume(run(input_.unread()));
  } else {
    const std::string_view received(space.data(), bytes);
    const size_t used = run(received);
    if (used < bytes) input_.append(received.substr(used));
  }
  account_buffers();
}

/// Input behind a protocol error: closing with it unread would reset the connection and could destroy the error on its
/// way to the client.
void RespConnection::discard_input() {
  const std::span<char> space = clients_.receive_space();
  const ssize_t count = ::recv(descriptor_, space.data(), space.size(), 0);
  if (count == 0 || (count < 0 && !is_transient(errno))) close();
}

/// Readable although no input is wanted: the socket failed or was shut down on both sides, unless this is an event of
/// before. The system goes on reporting that, whatever is asked for. (Input that waits in the socket hides it from a
/// recv: a client that was paused and reset kept the loop spinning for as long as it stayed paused.)
void RespConnection::probe() {
  pollfd state{descriptor_, 0, 0};
  if (::poll(&state, 1, 0) > 0 && (state.revents & (POLLERR | POLLHUP)) != 0) close();
}

/// Runs the complete commands at the front of `input` until a limit is reached; returns the bytes consumed.
size_t RespConnection::run(std::string_view input) {
  size_t used = 0;
  while (!is_paused_ && !is_closing_ && !is_doomed_) {
    if (must_pause()) {
      is_paused_ = true;
      break;
    }
    switch (parser_.next(input.substr(used))) {
      case wire::RespParser::Outcome::kNeedMore:
        return used;
      case wire::RespParser::Outcome::kError:
        ++clients_.stats().protocol_errors;
        fail(parser_.error());
        break;
      case wire::RespParser::Outcome::kCommand:
        // A command that has to wait stays in the input and is parsed again.
        if (parser_.args().empty() || execute(parser_.args(), parser_.consumed())) used += parser_.consumed();
        break;
    }
  }
  return is_closing_ ? input.size() : used;
}

bool RespConnection::must_pause() const {
  const RespLimits& limits = clients_.limits();
  if (replies_.unanswered() >= limits.pending_commands_max || unsent_bytes() > limits.output_soft_bytes) return true;
  // Answers to what is under way will tell when to go on.
  return replies_.unanswered() > 0 &&
         (pending_bytes_ > limits.pending_bytes_max || clients_.service().is_crowded(client_));
}

bool RespConnection::may_resume() const {
  const RespLimits& limits = clients_.limits();
  const size_t unanswered = replies_.unanswered();
  if (unanswered == 0) return unsent_bytes() <= limits.output_soft_bytes / 2;
  return !awaits_all_replies_ && unanswered <= limits.pending_commands_max / 2 &&
         unsent_bytes() <= limits.output_soft_bytes / 2 && pending_bytes_ <= limits.pending_bytes_max &&
         !clients_.service().is_crowded(client_);
}

void RespConnection::resume() {
  is_resuming_ = is_paused_ = awaits_all_replies_ = false;
  mark();
  input_.consume(run(input_.unread()));
  account_buffers();
}

// ---- commands ----

/// Returns false if the command has to wait: until everything before it is answered, or for another turn.
bool RespConnection::execute(std::span<const std::string_view> args, size_t bytes) {
  const CommandRow* row = wire::find_command(args[0]);
  if (row != nullptr && waits_for_all_replies(row->connection) && replies_.unanswered() > 0) {
    is_paused_ = awaits_all_replies_ = true;
    return false;
  }
  if (row != nullptr && describes_node(row->connection) && clients_.is_turn_spent()) {
    is_paused_ = true;
    return false;
  }
  ++clients_.stats().commands;
  if (replies_.unanswered() == 0) pending_bytes_ = 0;
  pending_bytes_ += bytes;
  if (row == nullptr) {
    if (is_cross_protocol(args[0])) {
      close_after_replies();
    } else {
      answer_error(wire::unknown_command_error(args));
    }
    return true;
  }
  record_.last_command = row->traits.name;
  if (!row->accepts(args.size())) {
    answer_error(wire::wrong_arity_error(row->traits.name));
  } else if (row->is_data()) {
    submit(*row, args.subspan(1), nullptr);
  } else if (row->connection == ConnectionCommand::kTorcCall) {
    submit_call(args.subspan(1));
  } else if (row->connection == ConnectionCommand::kTorcSession) {
    draw_session(args.subspan(1));
  } else if (const CommandRow* query = slot_query(*row, args); query != nullptr) {
    submit_slot_query(*query, args.subspan(2));
  } else {
    execute_here(*row, args.subspan(1));
  }
  return true;
}

void RespConnection::execute_here(const CommandRow& row, std::span<const std::string_view> args) {
  const bool is_description = describes_node(row.connection);
  const Instant began = is_description ? clients_.loop().clock().now() : Instant();
  const node::Ticket ticket = replies_.issue();
  const ConnectionCommands::After after = clients_.commands().execute(row, args, *this, begin_answer(ticket));
  end_reply(ticket);
  if (is_description) clients_.spend(clients_.loop().clock().now() - began);
  if (after == ConnectionCommands::After::kClose) close_after_replies();
}

void RespConnection::submit(const CommandRow& row, std::span<const std::string_view> args,
                            const kv::SessionCall* call) {
  if (record_.door == node::Door::kAny || belongs_here(row, args)) submit_checked(row, args, call);
}

void RespConnection::submit_checked(const CommandRow& row, std::span<const std::string_view> args,
                                    const kv::SessionCall* call) {
  const size_t keys_max = clients_.limits().command_keys_max;
  if (args.size() > keys_max) {
    const size_t keys = kv::keys_of(row.traits, args).count();
    if (keys > keys_max) return answer_error(too_many_keys(keys, keys_max));
  }
  const kv::CommandView command{row.traits.id, args};
  kv::RecordingSink error;  // allocates only if there is one
  const node::Ticket ticket = replies_.issue();
  if (!kv::StateMachine::check_syntax(command, error)) {
    const bool is_reply = kv::replay(error.view(), begin_answer(ticket));
    CHECK(is_reply) << "check_syntax refused without an error";
    return end_reply(ticket);
  }
  clients_.service().submit(client_, ticket, command, call);
}

/// TORC.CALL session sequence floor attempt command [arg ...]
void RespConnection::submit_call(std::span<const std::string_view> args) {
  const std::optional<kv::SessionId> session = kv::parse_session_id(args[0]);
  const std::optional<int64_t> sequence = wire::parse_integer(args[1]);
  const std::optional<int64_t> floor = wire::parse_integer(args[2]);
  const std::optional<int64_t> attempt = wire::parse_integer(args[3]);
  if (!session) return answer_error("ERR a session is 32 hexadecimal digits, try TORC.SESSION NEW");
  if (!sequence || *sequence < 0 || !floor || *floor < 0 || *floor > *sequence) {
    return answer_error("ERR TORC.CALL takes a session, a sequence, a floor not above it and an attempt");
  }
  if (!attempt || *attempt < 1) {
    return answer_error("ERR an attempt is 1 when the call is sent for the first time, and larger when it is repeated");
  }
  const std::span<const std::string_view> command = args.subspan(4);
  const CommandRow* row = wire::find_command(command[0]);
  if (row == nullptr) return answer_error(wire::unknown_command_error(command));
  if (!row->is_data()) return answer_error("ERR only data commands can be called in a session");
  if (!row->accepts(command.size())) return answer_error(wire::wrong_arity_error(row->traits.name));
  const kv::SessionCall call{.session = *session,
                             .sequence = static_cast<uint64_t>(*sequence),
                             .floor = static_cast<uint64_t>(*floor),
                             .is_first_send = *attempt == 1};
  submit(*row, command.subspan(1), &call);
}

/// TORC.SESSION NEW
void RespConnection::draw_session(std::span<const std::string_view> args) {
  if (!wire::equals_ignoring_case(args[0], "NEW")) return answer_error("ERR syntax error, try TORC.SESSION NEW");
  const node::Ticket ticket = replies_.issue();
  begin_answer(ticket).bulk(kv::text_of(clients_.service().draw_session()));
  end_reply(ticket);
}

void RespConnection::answer_error(std::string_view text) {
  const node::Ticket ticket = replies_.issue();
  begin_answer(ticket).error(text);
  end_reply(ticket);
}

/// Answers `error` behind everything before it, then closes.
void RespConnection::fail(std::string_view error) {
  answer_error(error);
  say_goodbye();
}

// ---- output ----

kv::ReplySink& RespConnection::begin_reply(node::Ticket ticket) {
  if (is_doomed_) return discarded_;
  return begin_answer(ticket);
}

AnswerEncoder& RespConnection::begin_answer(node::Ticket ticket) {
  if (output_.empty() && output_.capacity() < kOutputBytesFirst) output_ = clients_.take_spare_output();
  return replies_.begin(ticket);
}

void RespConnection::end_reply(node::Ticket ticket) {
  if (is_doomed_) return;
  replies_.end(ticket);
  mark();
  const size_t waiting = unsent_bytes() + replies_.early_bytes();
  if (waiting > clients_.limits().output_hard_bytes) doom();
  // Many clients' large answers may come in one turn, long before each is looked at in end_turn().
  if (waiting > clients_.limits().buffered_usual_bytes) account_buffers();
}

void RespConnection::end_turn() {
  finish_turn();
  is_marked_ = false;
}

void RespConnection::finish_turn() {
  if (is_closed()) return;
  if (is_doomed_ || !send_output()) return close();
  if (is_finished()) {
    if (!lingers_ || is_input_over_) return close();
    if (lingering_since_ == Instant::never()) {
      ::shutdown(descriptor_, SHUT_WR);
      lingering_since_ = clients_.loop().clock().now();
    }
  }
  if (is_paused_ && !is_resuming_ && may_resume()) {
    is_resuming_ = true;
    clients_.resume_next_turn(record_.id);
  }
  account_buffers();
  if (is_doomed_) return close();
  watch_for_what_matters();
}

/// One send of everything that gathered. False if the connection is broken.
bool RespConnection::send_output() {
  if (unsent_bytes() == 0 || (wants_write_ && !has_room_)) return true;
  has_room_ = false;
  const ssize_t count = ::send(descriptor_, output_.data() + sent_, unsent_bytes(), MSG_NOSIGNAL);
  if (count < 0) return is_transient(errno);
  sent_ += static_cast<size_t>(count);
  clients_.stats().output_bytes += static_cast<size_t>(count);
  if (unsent_bytes() == 0) {
    sent_ = 0;
    clients_.give_spare_output(std::exchange(output_, {}));
    stalled_since_ = Instant::never();
    return true;
  }
  stalled_since_ = clients_.loop().clock().now();
  if (sent_ >= kSentBytesCut && sent_ >= output_.size() / 2) output_.erase(0, std::exchange(sent_, 0));
  return true;
}

bool RespConnection::is_finished() const {
  const bool nothing_to_run = is_closing_ || (is_input_over_ && !is_paused_);
  return nothing_to_run && replies_.unanswered() == 0 && unsent_bytes() == 0;
}

void RespConnection::watch_for_what_matters() {
  const bool wants_read = !is_paused_ && !is_input_over_;
  const bool wants_write = unsent_bytes() > 0;
  if (wants_read == wants_read_ && wants_write == wants_write_) return;
  wants_read_ = wants_read;
  wants_write_ = wants_write;
  clients_.loop().update(descriptor_, wants_read_, wants_write_);
}

void RespConnection::close_if_stuck_or_idle(Instant now) {
  if (is_closed()) return;
  const RespLimits& limits = clients_.limits();
  const bool is_idle = replies_.unanswered() == 0 && unsent_bytes() == 0;
  if (limits.idle_timeout > Duration::zero() && is_idle && now - record_.last_active_at >= limits.idle_timeout) {
    return close();
  }
  if (lingering_since_ != Instant::never() && now - lingering_since_ >= limits.linger_timeout) return close();
  if (unsent_bytes() <= limits.output_soft_bytes || stalled_since_ == Instant::never()) return;
  if (now - stalled_since_ >= limits.slow_reader_timeout) doom();
}

/// Keeps the set's total, which may doom this connection or others.
void RespConnection::account_buffers() {
  if (is_closed() || is_doomed_) return;
  const size_t bytes = input_.capacity() + output_.capacity() + replies_.early_bytes() + parser_.capacity_bytes();
  const size_t before = std::exchange(accounted_bytes_, bytes);
  clients_.account(static_cast<ptrdiff_t>(bytes) - static_cast<ptrdiff_t>(before));
}

const ClientRecord& RespConnection::describe_now() {
  record_.protocol = static_cast<int>(replies_.version());
  record_.input_bytes = input_.unread().size();
  record_.output_bytes = unsent_bytes() + replies_.early_bytes();
  return record_;
}

}  // namespace torc::net
