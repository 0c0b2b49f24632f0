#include "sim/client.h"

#include <utility>

#include "base/check.h"

namespace torc::sim {
namespace {

bool is_write(check::OperationKind kind) { return kind != check::OperationKind::kGet; }

std::string text_of(const check::Outcome& outcome) {
  switch (outcome.kind) {
    case check::Outcome::Kind::kUnknown:
      return "unknown";
    case check::Outcome::Kind::kNil:
      return "nil";
    case check::Outcome::Kind::kText:
      return "\"" + outcome.text + "\"";
    case check::Outcome::Kind::kInteger:
      return std::to_string(outcome.integer);
    case check::Outcome::Kind::kError:
      return "-" + outcome.text;
  }
  return "?";
}

}  // namespace

/// Bytes on their way to a node: they arrive and take effect even if the client has given up by then.
struct Client::Sent {
  uint64_t attempt = 0;
  Command command;
  std::optional<kv::SessionCall> call;
};

/// The client's connection as its node sees it.
class Client::Connection final : public node::ClientPort {
 public:
  Connection(Client& client, NodeId at) : client_(client), at_(at) {}

  kv::ReplySink& begin_reply(node::Ticket ticket) override {
    if (is_closed || ticket != pending) violate("answers ticket " + std::to_string(ticket) + " that nobody waits for");
    sink_.begin(keys);
    return sink_;
  }
  void end_reply(node::Ticket ticket) override {
    if (!sink_.is_complete()) violate("gives no reply, or several, to one command");
    pending = 0;
    client_.world_.work_for_client(at_, Work::kReply, sink_.bytes());
    client_.world_.at_end_of_turn(at_, [this, ticket, told = sink_.take()] {
      if (client_.is_lost()) return;
      client_.world_.queue().schedule(client_.draw_delay(), [this, ticket, told] { client_.on_answer(ticket, told); });
    });
  }

  NodeId at() const { return at_; }

  node::ClientId id;  // none: the node has not seen this connection yet
  uint64_t life = 0;  // of the process that accepted it
  node::Ticket pending = 0;
  size_t keys = 1;  // of the pending command
  bool is_closed = false;

 private:
  void violate(const std::string& what) {
    client_.world_.fail(FailureKind::kSafety, "node " + std::to_string(at_.value) + " " + what);
  }

  Client& client_;
  NodeId at_;
  OutcomeSink sink_;
};

Client::Client(World& world, Prng prng, uint32_t number, const ClientOptions& options)
    : world_(world), prng_(prng), number_(number), options_(options) {
  if (options_.servers.empty()) options_.servers = world_.nodes();
  target_ = draw_server();
  session_ = kv::draw_session_id(prng_);
}
Client::~Client() = default;

NodeId Client::draw_server() { return options_.servers[prng_.below(options_.servers.size())]; }

bool Client::is_lost() { return options_.loss_percent != 0 && prng_.chance(options_.loss_percent, 100); }

Duration Client::draw_delay() {
  return Duration(prng_.between(options_.delay_min.count(), options_.delay_max.count()));
}

void Client::run(check::Operation operation, Done done) {
  CHECK(is_idle());
  operation_ = std::move(operation);
  operation_->client = number_;
  operation_->start_ns = world_.queue().now().ns;
  operation_->outcome = check::Outcome::unknown();
  done_ = std::move(done);
  attempts_of_operation_ = 0;
  copies_ = 0;
  if (is_labelled()) ++sequence_;
  world_.trace().note(world_.queue().now(), target_, TraceKind::kCall, hash_bytes(operation_->value, number_), [&] {
    return "client " + std::to_string(number_) + ": " + check::name_of(operation_->kind) + " " + operation_->key + " " +
           operation_->expected + " " + operation_->value;
  });
  attempt();
}

bool Client::is_labelled() const { return options_.uses_session && is_write(operation_->kind); }

Client::Sent Client::bytes_to_send() const {
  Sent sent{attempt_, command_of(*operation_), std::nullopt};
  if (is_labelled()) sent.call = kv::SessionCall{session_, sequence_, sequence_, copies_ == 0};
  return sent;
}

void Client::attempt() {
  const uint64_t attempt = ++attempt_;
  ++attempts_of_operation_;
  if (connection_ == nullptr) connection_ = std::make_shared<Connection>(*this, target_);
  if (!is_lost()) send(bytes_to_send());
  ++copies_;
  timeout_ = world_.queue().schedule(options_.timeout, [this, attempt] { on_no_answer(attempt); });
}

void Client::send(Sent bytes) {
  const auto sent = std::make_shared<const Sent>(std::move(bytes));
  world_.queue().schedule(draw_delay(), [this, connection = connection_, sent] {
    if (!world_.is_alive(connection->at())) {  // connection refused
      world_.queue().schedule(draw_delay(), [this, attempt = sent->attempt] { on_no_answer(attempt); });
      return;
    }
    world_.post_from_client(
        connection->at(), [this, connection, sent] { arrive(*connection, *sent); }, sent->command.bytes());
  });
}

void Client::arrive(Connection& connection, const Sent& sent) {
  node::Service* node = world_.node(connection.at());
  if (node == nullptr || connection.is_closed) return;
  if (!connection.id) {
    connection.id = node->open_client(connection, node::Door::kAny);
    connection.life = world_.life(connection.at());
  }
  if (connection.life != world_.life(connection.at())) return;  // a reset; the client was told
  const Command& command = sent.command;
  const std::vector<std::string_view> args(command.args.begin(), command.args.end());
  connection.pending = sent.attempt;
  connection.keys = command.id == kv::CommandId::kMGet || command.id == kv::CommandId::kDel ? args.size() : 1;
  world_.work_for_client(connection.at(), Work::kCommand, command.bytes());
  OutcomeSink refusal;
  refusal.begin(1);
  if (is_let_in({command.id, args}, refusal)) {
    return node->submit(connection.id, sent.attempt, {command.id, args}, sent.call ? &*sent.call : nullptr);
  }
  connection.begin_reply(sent.attempt).error(refusal.take().outcome.text);
  connection.end_reply(sent.attempt);
}

void Client::on_answer(uint64_t attempt, const Told& told) {
  if (attempt != attempt_ || !operation_) return;
  world_.queue().cancel(timeout_);
  // An error tells what became of this attempt, and nothing about earlier ones under the same label.
  const bool is_unknown = told.outcome.kind == check::Outcome::Kind::kUnknown;
  const bool is_refused = told.outcome.kind == check::Outcome::Kind::kError;
  if (is_labelled() && told.refusal == kv::Refusal::kUnknownSession) {
    // Never opened, or expired by a leader's clock that jumped: an earlier attempt may have been executed, or may yet
    // be. The next call begins the session anew with a floor above it.
    return finish({check::Outcome::unknown(), {}});
  }
  if (told.refusal && is_definite(*told.refusal)) --copies_;
  if (is_unknown || (is_refused && is_labelled())) return retry_or_give_up();
  if (is_refused && prng_.chance(1, 2)) leave_node();
  finish(told);
}

void Client::on_no_answer(uint64_t attempt) {
  if (attempt != attempt_ || !operation_) return;
  world_.queue().cancel(timeout_);
  retry_or_give_up();
}

void Client::retry_or_give_up() {
  leave_node();
  if (!is_labelled() || attempts_of_operation_ >= options_.attempts_max) return finish({check::Outcome::unknown(), {}});
  const uint64_t attempt = ++attempt_;
  world_.queue().schedule(Duration(prng_.between(1'000'000, 50'000'000)), [this, attempt] {
    if (attempt == attempt_) this->attempt();
  });
}

void Client::leave_node() {
  if (connection_ != nullptr) {
    world_.queue().schedule(draw_delay(), [this, connection = connection_] {
      world_.post_from_client(connection->at(), [this, connection] {
        connection->is_closed = true;
        node::Service* node = world_.node(connection->at());
        const bool is_same_life = connection->life == world_.life(connection->at());
        if (node != nullptr && connection->id && is_same_life) node->close_client(connection->id);
      });
    });
    former_.push_back(std::move(connection_));
    connection_ = nullptr;
  }
  target_ = draw_server();
}

void Client::on_node_died(NodeId id) {
  if (connection_ == nullptr || connection_->at() != id) return;
  connection_->is_closed = true;
  former_.push_back(std::move(connection_));
  connection_ = nullptr;
  if (!operation_) return;
  world_.queue().schedule(draw_delay(), [this, attempt = attempt_] { on_no_answer(attempt); });
}

void Client::finish(const Told& told) {
  ++attempt_;
  check::Operation finished = std::move(*operation_);
  operation_.reset();
  finished.outcome = told.outcome;
  const bool is_known = finished.outcome.kind != check::Outcome::Kind::kUnknown;
  if (is_known) finished.end_ns = world_.queue().now().ns;
  const std::string described = text_of(finished.outcome);
  world_.trace().note(world_.queue().now(), target_, is_known ? TraceKind::kReply : TraceKind::kUnknown,
                      hash_bytes(described, number_), [&] {
                        return "client " + std::to_string(number_) + ": " + check::name_of(finished.kind) + " " +
                               finished.key + " -> " + described;
                      });
  std::exchange(done_, nullptr)(finished, told.refusal);
}

}  // namespace torc::sim
