#include "node/proposals.h"

#include <algorithm>

namespace torc::node {

Proposals::Proposals(size_t reserved_bytes, size_t batch_bytes_max, size_t in_flight_max)
    : reserved_bytes_(reserved_bytes),
      batch_bytes_max_(batch_bytes_max),
      in_flight_max_(in_flight_max),
      open_{kv::BatchBuilder(reserved_bytes), {}, {}} {}

void Proposals::add(const WriteWaiter& writer, const kv::CommandView& command, const kv::SessionCall* call,
                    Instant deadline) {
  if (open_.builder.empty()) open_.deadline = deadline;
  open_.builder.add(command, call);
  open_.waiters.push_back(writer);
  if (open_.builder.bytes() >= batch_bytes_max_) close_open();
}

void Proposals::close_open() {
  closed_bytes_ += open_.builder.bytes();
  closed_.push_back(std::move(open_));
  open_ = Open{kv::BatchBuilder(reserved_bytes_), {}, {}};
}

std::optional<Proposals::Batch> Proposals::next(WallMs stamp) {
  if (window_.size() >= in_flight_max_) return std::nullopt;
  if (!closed_.empty()) {
    Open batch = std::move(closed_.front());
    closed_.pop_front();
    closed_bytes_ -= batch.builder.bytes();
    return Batch{batch.builder.take(stamp), std::move(batch.waiters)};
  }
  if (open_.builder.empty()) return std::nullopt;
  Batch batch{open_.builder.take(stamp), std::move(open_.waiters)};
  open_.waiters.clear();
  return batch;
}

void Proposals::proposed(Term term, LogIndex index, std::vector<WriteWaiter> waiters, Instant deadline) {
  in_flight_[{index, term}] = InFlight{std::move(waiters), deadline};
  window_.push_back(index);
}

std::vector<WriteWaiter> Proposals::take_decided(Term term, LogIndex index) {
  while (!window_.empty() && window_.front() <= index) window_.pop_front();
  const auto found = in_flight_.find({index, term});
  if (found == in_flight_.end()) return {};
  std::vector<WriteWaiter> waiters = std::move(found->second.waiters);
  in_flight_.erase(found);
  return waiters;
}

std::vector<WriteWaiter> Proposals::take_lost(LogIndex decided) {
  std::vector<WriteWaiter> lost;
  while (!in_flight_.empty() && in_flight_.begin()->first.first <= decided) {
    auto& waiters = in_flight_.begin()->second.waiters;
    lost.insert(lost.end(), waiters.begin(), waiters.end());
    in_flight_.erase(in_flight_.begin());
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
  if (!open_.builder.empty() && open_.deadline <= now) close_open();
  std::vector<WriteWaiter> overdue;
  for (; !closed_.empty() && closed_.front().deadline <= now; closed_.pop_front()) {
    closed_bytes_ -= closed_.front().builder.bytes();
    overdue.insert(overdue.end(), closed_.front().waiters.begin(), closed_.front().waiters.end());
  }
  return overdue;
}

std::vector<Proposals::Batch> Proposals::take_unproposed() {
  close_open();
  std::vector<Batch> batches;
  for (Open& batch : closed_) {
    if (!batch.builder.empty()) batches.push_back({batch.builder.take(WallMs{}), std::move(batch.waiters)});
  }
  closed_.clear();
  closed_bytes_ = 0;
  return batches;
}

}  // namespace torc::node
