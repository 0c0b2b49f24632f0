#include "mapreduce/merge.h"

#include <utility>

namespace torc::mapreduce {

Merge::Merge(std::vector<std::unique_ptr<SectionReader>> sections) : sections_(std::move(sections)) {
  heads_.resize(sections_.size());
  losers_.resize(sections_.size());
  for (uint32_t i = 0; i < heads_.size(); ++i) {
    heads_[i].index = i;
    heads_[i].reader = sections_[i].get();
  }
}

bool Merge::is_before_by_more(const Head& x, const Head& y) {
  if (!x.is_open || !y.is_open) return x.is_open != y.is_open ? x.is_open : x.index < y.index;
  const int order = x.reader->key().compare(y.reader->key());
  return order != 0 ? order < 0 : x.index < y.index;
}

/// False after an error, which ends everything.
bool Merge::advance(uint32_t index) {
  Head& head = heads_[index];
  head.is_open = head.reader->next();
  head.prefix = head.is_open ? prefix_of(head.reader->key()) : UINT64_MAX;
  if (head.is_open || head.reader->status().ok()) return true;
  status_ = head.reader->status();
  failed_section_ = index;
  return false;
}

/// The winner of everything below a match; its loser is noted there. Matches are numbered as in a heap, the section i
/// stands at n + i.
uint32_t Merge::play(uint32_t node) {
  const auto count = static_cast<uint32_t>(heads_.size());
  if (node >= count) return node - count;
  const uint32_t left = play(2 * node);
  const uint32_t right = play(2 * node + 1);
  const bool is_left = is_before(left, right);
  losers_[node] = is_left ? right : left;
  return is_left ? left : right;
}

bool Merge::next() {
  if (heads_.empty() || !status_.ok()) return false;
  if (!has_begun_) {
    has_begun_ = true;
    for (uint32_t i = 0; i < heads_.size(); ++i) {
      if (!advance(i)) return false;
    }
    winner_ = heads_.size() == 1 ? 0 : play(1);
    return winner().is_open;
  }
  if (!advance(winner_)) return false;
  uint32_t winner = winner_;
  for (uint32_t node = (winner + static_cast<uint32_t>(heads_.size())) / 2; node >= 1; node /= 2) {
    if (is_before(losers_[node], winner)) std::swap(losers_[node], winner);
  }
  winner_ = winner;
  return heads_[winner_].is_open;
}

}  // namespace torc::mapreduce
