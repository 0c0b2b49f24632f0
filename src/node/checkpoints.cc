#include "node/checkpoints.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace torc::node {
namespace {

/// The log is cut in steps of this, not at every acknowledgement.
constexpr uint64_t kCutEntriesMin = 64;
constexpr Duration kRetryAfter = 10s;  // after one that found the disk full
/// A snapshot that takes so long that the log, the group's or the node's, reaches this many times the usual size no
/// longer holds it back: whoever gets it needs another one then (rules.md#segments-repeat-state).
constexpr uint64_t kStreamedLogFactor = 4;

}  // namespace

Checkpoints::Checkpoints(const CheckpointOptions& options, env::CheckpointStore& store, storage::Log& log,
                         env::Clock& clock, std::function<void(const Error&)> on_fatal)
    : options_(options), store_(store), log_(log), clock_(clock), on_fatal_(std::move(on_fatal)) {}

void Checkpoints::begin(kv::StateMachine& state, LogIndex checkpoint, LogIndex log_start) {
  CHECK(!checkpointer_ || !is_writing());
  state_ = &state;
  index_ = checkpoint;
  cut_index_ = log_start;
  demanded_.reset();
  is_asked_ = false;
  log_bytes_at_checkpoint_ = 0;
  checkpointer_ = std::make_unique<storage::Checkpointer>(
      store_, options_.group, state, [this](const storage::Checkpointer::Outcome& outcome) { on_outcome(outcome); });
}

void Checkpoints::maintain(consensus::Replica& replica, bool may_start, std::optional<LogIndex> streamed) {
  may_start_ = may_start;
  write(replica, may_start);
  cut_log(replica, streamed);
}

void Checkpoints::demand() {
  if (!demanded_) demanded_ = state_->applied();
}

uint64_t Checkpoints::log_growth() const {
  if (!may_start_ || is_writing() || state_->applied() == index_ || clock_.now() < next_) return 0;
  const uint64_t bytes = log_.group_bytes(options_.group);
  return bytes - std::min(bytes, log_bytes_at_checkpoint_);
}

void Checkpoints::write(const consensus::Replica& replica, bool may_start) {
  if (is_writing()) {
    checkpointer_->step(kSliceBytes);
    return;
  }
  const bool is_asked = std::exchange(is_asked_, false) || (demanded_ && *demanded_ > index_);
  const LogIndex applied = state_->applied();
  if (!is_asked || !may_start || applied == index_ || clock_.now() < next_) return;
  // A replica that joined has not been told of its group yet: such a checkpoint could not say who the members are.
  if (replica.configuration_at(applied).voters.empty()) return;
  const std::optional<Term> term = replica.term_at(applied);
  CHECK(term.has_value()) << "the term of applied entry " << applied << " is unknown";
  log_bytes_at_checkpoint_ = log_.group_bytes(options_.group);
  checkpointer_->start(*term, replica.configuration_at(applied));
}

void Checkpoints::on_outcome(const storage::Checkpointer::Outcome& outcome) {
  if (outcome.status.ok()) {
    index_ = outcome.index;
    return;
  }
  if (outcome.status.error().code != ErrorCode::kDiskFull) return on_fatal_(outcome.status.error());
  demanded_.reset();
  next_ = clock_.now() + kRetryAfter;  // the former checkpoint stands
  log_bytes_at_checkpoint_ = 0;
}

void Checkpoints::cut_log(consensus::Replica& replica, std::optional<LogIndex> streamed) {
  const uint64_t bytes = log_.group_bytes(options_.group);
  LogIndex last = index_;
  const bool is_demanded = demanded_ && index_ >= *demanded_;
  if (is_demanded) demanded_.reset();
  if (bytes <= options_.log_bytes_max && !is_demanded)
    last = std::min(last, replica.status(clock_.now()).replicated_to_all);
  const uint64_t streamed_bytes_max = kStreamedLogFactor * options_.log_bytes_max;
  const bool is_room_left = log_.bytes_retained() <= streamed_bytes_max + 2 * options_.segment_bytes;  // whole segments
  if (streamed && bytes <= streamed_bytes_max && is_room_left) last = std::min(last, *streamed);
  const bool is_step = last >= cut_index_ + kCutEntriesMin || bytes > options_.log_bytes_max || is_demanded;
  if (last <= cut_index_ || !is_step) return;
  const std::optional<Term> term = replica.term_at(last);
  if (!term) return;
  log_.cut(options_.group, last, *term);
  replica.log_cut(last);
  cut_index_ = last;
  const uint64_t freed = bytes - log_.group_bytes(options_.group);
  log_bytes_at_checkpoint_ -= std::min(log_bytes_at_checkpoint_, freed);
}

}  // namespace torc::node
