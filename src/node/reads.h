// Reads that could not be answered at once: waiting for leadership to be confirmed, then for the state to be applied.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/time.h"
#include "consensus/ready.h"
#include "node/request.h"

namespace torc::node {

class Reads {
 public:
  void add(KeptRequest read) {
    bytes_ += read.bytes();
    gathering_.push_back(std::move(read));
  }
  /// Everything gathered since the last call becomes one question to consensus; nothing if nothing gathered.
  std::optional<consensus::ReadToken> ask(Instant deadline) {
    if (gathering_.empty()) return std::nullopt;
    asked_[++last_token_] = {std::exchange(gathering_, {}), deadline};
    return last_token_;
  }
  /// Takes consensus' answer in. Returns the reads that must be tried elsewhere (leadership lost).
  std::vector<KeptRequest> answered(const consensus::ReadOutcome& outcome) {
    const auto found = asked_.find(outcome.token);
    if (found == asked_.end()) return {};
    std::vector<KeptRequest> reads = std::move(found->second.reads);
    asked_.erase(found);
    if (!outcome.index) return taken(std::move(reads));
    confirmed_.push_back({*outcome.index, std::move(reads)});
    return {};
  }
  bool has_servable(LogIndex applied) const { return !confirmed_.empty() && confirmed_.front().index <= applied; }
  /// The next read that may be served from a state that has applied `applied`.
  std::optional<KeptRequest> next_servable(LogIndex applied) {
    if (!has_servable(applied)) return std::nullopt;
    Confirmed& first = confirmed_.front();
    KeptRequest read = std::move(first.reads[first.served++]);
    if (first.served == first.reads.size()) confirmed_.pop_front();
    bytes_ -= read.bytes();
    return read;
  }
  /// Reads whose confirmation has not come by its deadline; what consensus says later is ignored.
  std::vector<KeptRequest> take_overdue(Instant now) {
    std::vector<KeptRequest> overdue;
    while (!asked_.empty() && asked_.begin()->second.deadline <= now) {
      for (KeptRequest& read : asked_.begin()->second.reads) overdue.push_back(std::move(read));
      asked_.erase(asked_.begin());
    }
    return taken(std::move(overdue));
  }
  /// Reads not yet asked for, when there is nobody to ask.
  std::vector<KeptRequest> take_gathering() { return taken(std::exchange(gathering_, {})); }
  /// Of all that wait here.
  size_t bytes() const { return bytes_; }

 private:
  std::vector<KeptRequest> taken(std::vector<KeptRequest> reads) {
    for (const KeptRequest& read : reads) bytes_ -= read.bytes();
    return reads;
  }
  struct Question {
    std::vector<KeptRequest> reads;
    Instant deadline;
  };
  /// Never empty: a question holds a read at least.
  struct Confirmed {
    LogIndex index;
    std::vector<KeptRequest> reads;
    size_t served = 0;  // of these, from the front
  };
  consensus::ReadToken last_token_ = 0;
  std::vector<KeptRequest> gathering_;
  std::map<consensus::ReadToken, Question> asked_;  // deadlines in the order of the tokens
  std::deque<Confirmed> confirmed_;
  size_t bytes_ = 0;
};

}  // namespace torc::node
