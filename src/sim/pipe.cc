#include "sim/pipe.h"

#include <utility>

namespace torc::sim {

std::shared_ptr<Pipe> Pipe::open(World& world, Prng prng, NodeId at, OnAnswer on_answer) {
  return std::shared_ptr<Pipe>(new Pipe(world, prng, at, std::move(on_answer)));
}

Pipe::Pipe(World& world, Prng prng, NodeId at, OnAnswer on_answer)
    : world_(world), prng_(prng), at_(at), on_answer_(std::move(on_answer)) {}

Duration Pipe::draw_delay() { return Duration(prng_.between(50'000, 1'000'000)); }

void Pipe::send(std::vector<Command> burst) {
  sent_ += burst.size();
  auto bytes = std::make_shared<std::vector<Command>>(std::move(burst));
  world_.queue().schedule(draw_delay(), [self = shared_from_this(), bytes] {
    if (self->is_broken_) return;
    if (!self->world_.is_alive(self->at_)) {
      self->is_broken_ = true;
      return;
    }
    size_t size = 0;
    for (const Command& command : *bytes) size += command.bytes();
    self->world_.post_from_client(
        self->at_, [self, bytes] { self->arrive(bytes); }, size);
  });
}

void Pipe::arrive(const std::shared_ptr<std::vector<Command>>& burst) {
  node::Service* node = world_.node(at_);
  if (node == nullptr || is_closed_ || is_broken_) return;
  if (!id_) {
    id_ = node->open_client(*this, node::Door::kAny);
    life_ = world_.life(at_);
  }
  if (life_ != world_.life(at_)) return;
  for (Command& command : *burst) waiting_.push_back(std::move(command));
  feed();
}

/// As much as the server lets one client have under way at a time.
void Pipe::feed() {
  while (!waiting_.empty() && !is_closed_ && pending_.size() < kPendingMax &&
         (pending_bytes_ <= kPendingBytesMax || pending_.empty())) {
    const Command command = std::move(waiting_.front());
    waiting_.pop_front();
    submit(command);
  }
}

void Pipe::submit(const Command& command) {
  const node::Ticket ticket = submitted_++;
  const std::vector<std::string_view> args(command.args.begin(), command.args.end());
  pending_[ticket] = command.bytes();
  pending_bytes_ += command.bytes();
  if (command.id == kv::CommandId::kMGet || command.id == kv::CommandId::kDel) keys_[ticket] = args.size();
  world_.work_for_client(at_, Work::kCommand, command.bytes());
  OutcomeSink refusal;
  refusal.begin(1);
  if (is_let_in({command.id, args}, refusal)) return world_.node(at_)->submit(id_, ticket, {command.id, args});
  begin_reply(ticket).error(refusal.take().outcome.text);
  end_reply(ticket);
}

kv::ReplySink& Pipe::begin_reply(node::Ticket ticket) {
  if (is_closed_ || !pending_.contains(ticket)) {
    world_.fail(FailureKind::kSafety, "a node answers ticket " + std::to_string(ticket) + " that nobody waits for");
  }
  const auto keys = keys_.find(ticket);
  sink_.begin(keys == keys_.end() ? 1 : keys->second);
  if (keys != keys_.end()) keys_.erase(keys);
  return sink_;
}

void Pipe::end_reply(node::Ticket ticket) {
  if (!sink_.is_complete())
    world_.fail(FailureKind::kSafety,
                "node " + std::to_string(at_.value) + " gives no reply, or several, to one command");
  pending_bytes_ -= pending_[ticket];
  pending_.erase(ticket);
  world_.work_for_client(at_, Work::kReply, sink_.bytes());
  ready_[ticket] = sink_.take();
  if (std::exchange(is_hand_over_due_, true)) return;
  world_.at_end_of_turn(at_, [self = shared_from_this()] { self->hand_over(); });
}

/// The server writes what can be answered in order, and reads on.
void Pipe::hand_over() {
  is_hand_over_due_ = false;
  for (auto next = ready_.find(handed_over_); next != ready_.end(); next = ready_.find(handed_over_)) {
    world_.queue().schedule(100us, [self = shared_from_this(), ticket = handed_over_, told = std::move(next->second)] {
      if (self->is_given_up_ || self->is_broken_) return;
      ++self->answered_;
      self->on_answer_(ticket, told);
    });
    ready_.erase(next);
    ++handed_over_;
  }
  if (waiting_.empty() || pending_.size() > kPendingMax / 2) return;
  world_.post_from_client(at_, [self = shared_from_this()] {
    if (self->life_ == self->world_.life(self->at_)) self->feed();
  });
}

void Pipe::close() {
  if (std::exchange(is_given_up_, true)) return;
  world_.queue().schedule(draw_delay(), [self = shared_from_this()] {
    self->world_.post_from_client(self->at_, [self] {
      self->is_closed_ = true;
      node::Service* node = self->world_.node(self->at_);
      const bool is_same_life = self->life_ == self->world_.life(self->at_);
      if (node != nullptr && self->id_ && is_same_life) node->close_client(self->id_);
    });
  });
}

void Pipe::on_node_died(NodeId id) {
  if (id == at_) is_broken_ = true;
}

}  // namespace torc::sim
