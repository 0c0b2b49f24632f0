#include "node/applier.h"

#include <algorithm>

#include "base/check.h"

namespace torc::node {
namespace {

/// Hands each operation of an entry its client's sink, and closes the answer before.
class WaiterRouter final : public kv::ReplyRouter {
 public:
  /// Counts in `answered`.
  WaiterRouter(Clients& clients, const std::vector<WriteWaiter>& waiters, size_t& answered)
      : clients_(clients), waiters_(waiters), answered_(answered) {}

  kv::ReplySink& sink_for(size_t position) override {
    end_last();
    answered_ = position + 1;
    if (position >= waiters_.size()) return nobody_;
    open_ = &waiters_[position].waiter;
    return clients_.begin(*open_);
  }
  void end_last() {
    if (open_ != nullptr) clients_.end(*open_);
    open_ = nullptr;
  }

 private:
  Clients& clients_;
  const std::vector<WriteWaiter>& waiters_;
  size_t& answered_;
  const Waiter* open_ = nullptr;
  kv::NullSink nobody_;
};

/// Opens the client's answer at its first word: a read that turns out to need a commit must not have begun one.
class AnswerOnDemand final : public kv::ReplySink {
 public:
  AnswerOnDemand(Clients& clients, Waiter waiter) : clients_(clients), waiter_(waiter) {}

  void ok() override { sink().ok(); }
  void status(std::string_view text) override { sink().status(text); }
  void error(std::string_view text) override { sink().error(text); }
  void refusal(kv::Refusal refusal) override { sink().refusal(refusal); }
  void integer(int64_t value) override { sink().integer(value); }
  void bulk(std::string_view value) override {
    bytes_ += value.size();
    sink().bulk(value);
  }
  void nil() override { sink().nil(); }
  void array(size_t count) override { sink().array(count); }
  void map(size_t count) override { sink().map(count); }

  /// Of the values answered so far.
  uint64_t bytes() const { return bytes_; }

 private:
  kv::ReplySink& sink() {
    if (sink_ == nullptr) sink_ = &clients_.begin(waiter_);
    return *sink_;
  }

  Clients& clients_;
  Waiter waiter_;
  kv::ReplySink* sink_ = nullptr;
  uint64_t bytes_ = 0;
};

}  // namespace

Applier::Applier(GroupId group, const kv::StateMachineOptions& state, storage::Log& log, Clients& clients)
    : group_(group), log_(log), clients_(clients), state_(std::make_unique<kv::StateMachine>(state)) {}

std::unique_ptr<kv::StateMachine> Applier::replace(std::unique_ptr<kv::StateMachine> state) {
  CHECK(!is_within_entry());
  unapplied_.clear();
  return std::exchange(state_, std::move(state));
}

Result<uint64_t> Applier::apply_on(Proposals& proposals, LogIndex last_index, uint64_t work_max) {
  const uint64_t work_before = state_->work_done();
  if (!under_way_) {
    const Status begun = begin_next(proposals, last_index);
    if (!begun.ok()) return begun.error();
  }
  if (under_way_) {
    WaiterRouter router(clients_, under_way_->waiters, under_way_->answered);
    const Result<bool> applied = state_->apply_on(router, work_max);
    router.end_last();
    if (!applied.ok()) return Error{ErrorCode::kInvalid, applied.error().message};
    if (*applied) end_entry();
  }
  return kv::kOperationWork + state_->work_done() - work_before;
}

Status Applier::begin_next(Proposals& proposals, LogIndex last_index) {
  const LogIndex wanted = applied() + 1;
  if (unapplied_.is_empty() || unapplied_.front() > wanted) {
    if (Status loaded = load(last_index); !loaded) return loaded;
  }
  const consensus::Entry entry = unapplied_.take_front();
  CHECK(entry.index == wanted) << "entry " << entry.index << " where " << wanted << " is next";
  under_way_.emplace(EntryUnderWay{entry, proposals.take_decided(entry.term, entry.index)});
  if (entry.kind != consensus::EntryKind::kCommands) {
    state_->skip(entry.index);
    end_entry();
    return {};
  }
  // Its checksum is right, so every replica has the same bytes: no damage of this disk, and no reason to give up data.
  const Status begun = state_->begin_entry(entry.index, under_way_->entry.payload());
  if (!begun.ok()) return Error{ErrorCode::kInvalid, begun.error().message};
  return {};
}

void Applier::end_entry() {
  applied_bytes_ += under_way_->entry.size();
  under_way_.reset();
}

std::vector<WriteWaiter> Applier::abandon_entry() {
  if (!under_way_) return {};
  std::vector<WriteWaiter> waiters = std::move(under_way_->waiters);
  waiters.erase(waiters.begin(),
                waiters.begin() + static_cast<ptrdiff_t>(std::min(under_way_->answered, waiters.size())));
  under_way_.reset();
  return waiters;
}

// Entries that were in the log before this process started, or were not kept.
Status Applier::load(LogIndex last_index) {
  const LogIndex last = unapplied_.is_empty() ? last_index : unapplied_.front() - 1;
  auto entries = log_.read(group_, applied() + 1, last, Unapplied::kLoadBytesMax);
  if (!entries.ok()) return entries.error();
  unapplied_.put_in_front(*entries);
  return {};
}

std::optional<uint64_t> Applier::answer(const Request& read, WallMs now) {
  AnswerOnDemand sink(clients_, read.waiter);
  if (state_->read(read.command, now, sink) == kv::ReadResult::kNeedsCommit) return std::nullopt;
  return kv::kOperationWork + sink.bytes();
}

kv::ReadResult Applier::answer_on(const Request& read, WallMs now, kv::Progress& progress, uint64_t& work_max) {
  AnswerOnDemand sink(clients_, read.waiter);
  const kv::ReadResult result = state_->read_on(read.command, now, progress, sink, work_max);
  work_max -= std::min(work_max, sink.bytes());
  return result;
}

}  // namespace torc::node
