// Term and vote, and which of them is already durable (Raft figure 2: persistent state).
#pragma once

#include <deque>
#include <optional>

#include "consensus/types.h"

namespace torc::consensus {

class Ballot {
 public:
  explicit Ballot(const HardState& restored) : current_(restored), durable_(restored) {}

  Term term() const { return current_.term; }
  ReplicaId vote() const { return current_.vote; }
  /// Requires: term is above the current one. Clears the vote.
  void advance(Term term) {
    CHECK(term > current_.term) << "term " << term << " after " << current_.term;
    current_ = HardState{term, {}};
    is_changed_ = true;
  }
  /// Requires: no vote for anybody else in this term.
  void vote_for(ReplicaId candidate) {
    CHECK(!current_.vote || current_.vote == candidate) << "second vote in term " << current_.term;
    is_changed_ |= current_.vote != candidate;
    current_.vote = candidate;
  }

  bool is_changed() const { return is_changed_; }
  /// The state that Ready `sequence` will carry, if it differs from what earlier ones carried.
  std::optional<HardState> offer(uint64_t sequence) {
    if (!is_changed_) return std::nullopt;
    is_changed_ = false;
    offers_.push_back({sequence, current_});
    return current_;
  }
  void persisted(uint64_t sequence) {
    while (!offers_.empty() && offers_.front().sequence <= sequence) {
      durable_ = offers_.front().state;
      offers_.pop_front();
    }
  }
  bool is_durable() const { return durable_ == current_; }

 private:
  friend struct StateEncoding;  // reads everything, for the model checker
  struct Offer {
    uint64_t sequence;
    HardState state;
  };

  HardState current_;
  HardState durable_;
  bool is_changed_ = false;
  std::deque<Offer> offers_;
};

}  // namespace torc::consensus
