#include "sim/crowd.h"

#include <algorithm>
#include <utility>

namespace torc::sim {
namespace {

constexpr Duration kPatience = 8s;  // then the client gives its connection up

}  // namespace

Crowd::Crowd(World& world, Prng prng, Sizes& sizes) : world_(world), prng_(prng), sizes_(sizes) {}

void Crowd::start() {
  is_active_ = true;
  const SizeOptions& options = sizes_.options();
  if (options.pipeline_max > 0) {
    every(2s, [this] { visit(make_pipeline(visits_made_, prng_.fork(), sizes_)); });
  }
  if (options.herd_bytes_max > 0) {
    every(10s, [this] {
      const auto soon = static_cast<int64_t>(prng_.between(200, 4000));
      const WallMs deadline{world_.wall_clock(draw_node()).ms + soon};
      visit(make_herd(visits_made_, prng_.fork(), sizes_, deadline));
    });
  }
  if (options.has_probes) {
    every(5s, [this] { visit(make_probe(visits_made_, prng_.fork(), sizes_)); });
  }
}

void Crowd::stop() {
  is_active_ = false;
  for (const Visit& one : visits_) one.pipe->close();
  visits_.clear();
}

void Crowd::every(Duration pause_max, std::function<void()> act) {
  const Duration pause(prng_.between(10'000'000, static_cast<uint64_t>(pause_max.count())));
  world_.queue().schedule(pause, [this, pause_max, act = std::move(act)] {
    if (!is_active_) return;
    if (!sizes_.is_spent()) act();
    every(pause_max, act);
  });
}

void Crowd::visit(std::unique_ptr<Burst> burst) {
  std::vector<Command> commands = burst->take_commands();
  const uint64_t number = visits_made_++;
  if (commands.empty()) return;
  const size_t count = commands.size();
  const auto on_answer = [this, number, count](node::Ticket ticket, const Told& told) {
    const auto found = std::ranges::find(visits_, number, &Visit::number);
    if (found == visits_.end()) return;
    ++commands_answered_;
    if (judge_) judge_(found->sent, told);
    const std::string wrong = found->burst->on_answer(ticket, told.outcome);
    if (!wrong.empty()) {
      world_.fail(FailureKind::kSafety, "node " + std::to_string(found->pipe->at().value) + " " + wrong);
    }
    if (ticket + 1 == count) finish(number);
  };
  const NodeId at = draw_node();
  visits_.push_back({Pipe::open(world_, prng_.fork(), at, on_answer), std::move(burst), number, world_.queue().now()});
  visits_.back().pipe->send(std::move(commands));
  world_.queue().schedule(kPatience, [this, number] { finish(number); });
}

void Crowd::finish(uint64_t visit) {
  const auto found = std::ranges::find(visits_, visit, &Visit::number);
  if (found == visits_.end()) return;
  found->pipe->close();
  visits_.erase(found);
}

void Crowd::on_node_died(NodeId id) {
  for (const Visit& one : visits_) one.pipe->on_node_died(id);
}

}  // namespace torc::sim
