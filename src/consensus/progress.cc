#include "consensus/progress.h"

#include <algorithm>

namespace torc::consensus {

void Progress::heard(SendStamp stamp, Instant now) {
  heard_at_ = now;
  echoed_ = std::max(echoed_, stamp);
}

bool Progress::can_send(size_t in_flight_bytes_max) const {
  switch (state_) {
    case State::kProbe:
      return !is_probe_out_;
    case State::kSnapshot:
      return false;
    case State::kReplicate:
      return in_flight_bytes_ < in_flight_bytes_max;
  }
  return false;
}

void Progress::sent(LogIndex last, size_t bytes, Instant now) {
  if (state_ == State::kProbe) {
    is_probe_out_ = true;
    waiting_since_ = now;
    return;
  }
  CHECK(last >= next_) << "nothing to send from " << next_;
  if (flights_.empty()) waiting_since_ = now;
  flights_.push_back({last, bytes});
  in_flight_bytes_ += bytes;
  next_ = last + 1;
}

void Progress::accepted(LogIndex match, Instant now) {
  match_ = std::max(match_, match);
  if (state_ == State::kReplicate) {
    if (!flights_.empty() && flights_.front().last <= match) waiting_since_ = now;
    land(match);
    next_ = std::max(next_, match_ + 1);
  } else if (match + 1 >= next_) {
    state_ = State::kReplicate;
    next_ = match_ + 1;
    is_probe_out_ = was_probe_lost_ = false;
  }
}

bool Progress::rejected(LogIndex prev, LogIndex retry_next) {
  // What was accepted once stays in that log for the whole term, so a rejection at or below match is an old message.
  if (prev <= match_ || state_ == State::kSnapshot) return false;
  if (state_ == State::kProbe && prev + 1 != next_) return false;
  if (state_ == State::kReplicate && prev >= next_) return false;
  become_probe(std::clamp(retry_next, match_ + 1, prev));
  return true;
}

void Progress::check_lost(LogIndex last_durable, Duration heartbeat_interval, Duration election_timeout_min,
                          Instant now) {
  const Duration waited = now - waiting_since_;
  if (state_ == State::kProbe) {
    if (!is_probe_out_ || waited < heartbeat_interval) return;
    is_probe_out_ = false;
    was_probe_lost_ = true;
  } else if (!flights_.empty()) {  // never while a snapshot is on its way
    // Everything is there and no answer came: the answer was lost. Otherwise the entries may be on their way or in a
    // slow fsync, so be patient. The probe that follows is empty and its answer waits for that same fsync: no entries
    // travel twice because of a slow disk.
    const bool is_there = last_durable + 1 >= next_;
    if (waited < (is_there ? heartbeat_interval : election_timeout_min)) return;
    become_probe(match_ + 1);
    was_probe_lost_ = true;
  }
}

void Progress::become_snapshot() {
  become_probe(next_);
  state_ = State::kSnapshot;
}

void Progress::snapshot_finished(LogIndex index) {
  if (state_ != State::kSnapshot) return;
  become_probe(std::max(index, match_) + 1);
  was_probe_lost_ = true;  // an empty probe: nobody knows yet whether entries would be taken
}

void Progress::become_probe(LogIndex next) {
  state_ = State::kProbe;
  next_ = next;
  is_probe_out_ = was_probe_lost_ = false;
  flights_.clear();
  in_flight_bytes_ = 0;
}

void Progress::land(LogIndex match) {
  while (!flights_.empty() && flights_.front().last <= match) {
    in_flight_bytes_ -= flights_.front().bytes;
    flights_.pop_front();
  }
}

}  // namespace torc::consensus
