#include "consensus/reads.h"

namespace torc::consensus {

void Reads::start(LogIndex noop, SendStamp last_stamp) {
  CHECK(waiting_.empty()) << "reads of an earlier leadership are waiting";
  noop_ = noop;
  start_stamp_ = confirmed_ = round_stamp_ = last_stamp;
  is_quorum_alone_ = false;
}

void Reads::add(ReadToken token, LogIndex commit, SendStamp last_stamp) {
  waiting_.push_back({token, std::max(commit, noop_), last_stamp});
}

void Reads::round_sent(SendStamp first) { round_stamp_ = first; }

bool Reads::wants_round() const {
  if (waiting_.empty() || is_quorum_alone_) return false;
  const bool is_round_out = confirmed_ < round_stamp_;
  const SendStamp needed = waiting_.back().registered;
  return !is_round_out && needed >= round_stamp_ && needed >= confirmed_;
}

void Reads::confirm(SendStamp confirmed, LogIndex commit, std::vector<ReadOutcome>& outcomes) {
  is_quorum_alone_ = confirmed == kConfirmedForever;
  if (!is_quorum_alone_) confirmed_ = std::max(confirmed_, confirmed);
  while (!waiting_.empty() && waiting_.front().index <= commit &&
         (is_quorum_alone_ || waiting_.front().registered < confirmed_)) {
    outcomes.push_back({waiting_.front().token, waiting_.front().index});
    waiting_.pop_front();
  }
}

void Reads::fail_all(std::vector<ReadOutcome>& outcomes) {
  for (const Waiting& read : waiting_) outcomes.push_back({read.token, std::nullopt});
  waiting_.clear();
}

std::optional<Instant> Reads::lease_end(const SendClock& clock, Duration length) const {
  if (is_quorum_alone_) return Instant::never();
  if (confirmed_ <= start_stamp_) return std::nullopt;
  return clock.sent_not_before(confirmed_) + length;
}

}  // namespace torc::consensus
