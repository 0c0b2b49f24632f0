#include "node/proposals.h"

#include <algorithm>
#include <utility>

namespace torc::node {

Proposals::Proposals(size_t reserved_bytes, const ProposalLimits& limits)
    : reserved_bytes_(reserved_bytes),
      limits_(limits),
      open_{kv::BatchBuilder(reserved_bytes), {}, {}, {}, {}, false} {}

void Proposals::add(const Request& request, const kv::Cost& cost) {
  const size_t bytes = kv::operation_bytes(request.command);
  const bool would_pass_a_limit =
      open_.builder.bytes() + bytes > limits_.batch_bytes_max || open_.cost.work + cost.work > limits_.batch_work_max;
  if (would_pass_a_limit) close_open();
  if (open_.builder.empty()) open_.deadline = request.deadline;
  open_.builder.add(request.command, request.call());
  open_.waiters.push_back({request.waiter, request.retry});
  if (!request.waiter.client && !std::exchange(open_.has_own, true)) ++own_unproposed_;
  if (request.label) {
    open_.labels.push_back(label_of(*request.label));
    undecided_labels_.insert(label_of(*request.label));
  }
  for (kv::Cost* sum : {&open_.cost, &undecided_}) {
    sum->work += cost.work;
    sum->memory += cost.memory;
    sum->growth += cost.growth;
  }
  const bool is_full = open_.builder.bytes() >= limits_.batch_bytes_max || open_.cost.work >= limits_.batch_work_max;
  if (is_full) close_open();
}

void Proposals::close_open() {
  if (open_.builder.empty()) return;
  closed_bytes_ += open_.builder.bytes();
  closed_.push_back(std::move(open_));
  open_ = Open{kv::BatchBuilder(reserved_bytes_), {}, {}, {}, {}, false};
}

Proposals::Batch Proposals::take(Open&& open, WallMs stamp) {
  const size_t bytes = open.builder.bytes();
  forget_own(open.has_own);
  return {open.builder.take(stamp),
          std::move(open.waiters),
          std::move(open.labels),
          std::exchange(open.cost, {}),
          bytes,
          std::exchange(open.has_own, false)};
}

void Proposals::forget(const kv::Cost& cost, const std::vector<Label>& labels) {
  undecided_.work -= cost.work;
  undecided_.memory -= cost.memory;
  undecided_.growth -= cost.growth;
  for (const Label& label : labels) undecided_labels_.erase(undecided_labels_.find(label));
}

std::optional<Proposals::Batch> Proposals::next(WallMs stamp) {
  if (window_.size() >= limits_.in_flight_max) return std::nullopt;
  if (!closed_.empty()) {
    Open batch = std::move(closed_.front());
    closed_.pop_front();
    closed_bytes_ -= batch.builder.bytes();
    return take(std::move(batch), stamp);
  }
  if (open_.builder.empty()) return std::nullopt;
  Batch batch = take(std::move(open_), stamp);
  open_.waiters.clear();
  open_.labels.clear();
  return batch;
}

void Proposals::proposed(Term term, LogIndex index, Batch batch, Instant deadline) {
  const size_t bytes = batch.bytes;
  in_flight_[{index, term}] = InFlight{std::move(batch.waiters), std::move(batch.labels), batch.cost, deadline, bytes};
  in_flight_bytes_ += bytes;
  window_.push_back(index);
}

void Proposals::refused(const Batch& batch) { forget(batch.cost, batch.labels); }

std::vector<WriteWaiter> Proposals::take_decided(Term term, LogIndex index) {
  while (!window_.empty() && window_.front() <= index) window_.pop_front();
  const auto found = in_flight_.find({index, term});
  if (found == in_flight_.end()) return {};
  std::vector<WriteWaiter> waiters = std::move(found->second.waiters);
  end(found);
  return waiters;
}

void Proposals::end(InFlights::iterator proposal) {
  forget(proposal->second.cost, proposal->second.labels);
  in_flight_bytes_ -= proposal->second.bytes;
  in_flight_.erase(proposal);
}

std::vector<WriteWaiter> Proposals::take_lost(LogIndex decided) {
  std::vector<WriteWaiter> lost;
  while (!in_flight_.empty() && in_flight_.begin()->first.first <= decided) {
    const InFlight& proposal = in_flight_.begin()->second;
    lost.insert(lost.end(), proposal.waiters.begin(), proposal.waiters.end());
    end(in_flight_.begin());
  }
  return lost;
}

std::vector<WriteWaiter> Proposals::take_overdue(Instant now) {
  std::vector<WriteWaiter> overdue;
  for (auto& [place, proposal] : in_flight_) {
    if (proposal.deadline > now) continue;
    overdue.insert(overdue.end(), proposal.waiters.begin(), proposal.waiters.end());
    proposal.waiters.clear();
    proposal.deadline = Instant::never();
  }
  return overdue;
}

std::vector<WriteWaiter> Proposals::take_overdue_unproposed(Instant now) {
  if (open_.deadline <= now) close_open();
  std::vector<WriteWaiter> overdue;
  for (; !closed_.empty() && closed_.front().deadline <= now; closed_.pop_front()) {
    closed_bytes_ -= closed_.front().builder.bytes();
    forget(closed_.front().cost, closed_.front().labels);
    forget_own(closed_.front().has_own);
    overdue.insert(overdue.end(), closed_.front().waiters.begin(), closed_.front().waiters.end());
  }
  return overdue;
}

std::vector<Proposals::Batch> Proposals::take_unproposed() {
  close_open();
  std::vector<Batch> batches;
  for (Open& batch : closed_) {
    forget(batch.cost, batch.labels);
    batches.push_back(take(std::move(batch), WallMs{}));
  }
  closed_.clear();
  closed_bytes_ = 0;
  return batches;
}

}  // namespace torc::node
