#include "check/configurations.h"

#include <algorithm>
#include <utility>

namespace torc::check {

void ConfigurationSet::insert(const Configuration& configuration) {
  if (heads_.size() <= configuration.state) heads_.resize(configuration.state + configuration.state / 2 + 16, kNone);
  const size_t position = states_.size();
  bits_.insert(bits_.end(), configuration.pending.begin(), configuration.pending.end());
  bits_.insert(bits_.end(), configuration.mandatory.begin(), configuration.mandatory.end());
  uint32_t* link = &heads_[configuration.state];
  while (*link != kNone) {
    const Order order = compare(bits(*link), bits(position));
    if (order == Order::kFirstCanDoAll) {
      bits_.resize(position * 2 * words_);
      return;
    }
    if (order == Order::kSecondCanDoAll) {
      states_[*link] = kDropped;
      --alive_;
      *link = next_[*link];
    } else {
      link = &next_[*link];
    }
  }
  *link = static_cast<uint32_t>(position);
  states_.push_back(configuration.state);
  next_.push_back(kNone);
  ++alive_;
}

void ConfigurationSet::clear() {
  for (const StateId state : states_) {
    if (state != kDropped) heads_[state] = kNone;
  }
  states_.clear();
  bits_.clear();
  next_.clear();
  alive_ = 0;
}

void ConfigurationSet::read(size_t position, Configuration& out) const {
  out.state = states_[position];
  const uint64_t* from = bits(position);
  out.pending.assign(from, from + words_);
  out.mandatory.assign(from + words_, from + 2 * words_);
}

void ConfigurationSet::add_pending(size_t position, size_t slot, bool must) {
  uint64_t* words = bits_.data() + position * 2 * words_;
  words[slot / 64] |= uint64_t{1} << (slot % 64);
  if (must) words[words_ + slot / 64] |= uint64_t{1} << (slot % 64);
}

void ConfigurationSet::swap(ConfigurationSet& other) noexcept {
  std::swap(words_, other.words_);
  std::swap(alive_, other.alive_);
  states_.swap(other.states_);
  bits_.swap(other.bits_);
  next_.swap(other.next_);
  heads_.swap(other.heads_);
}

ConfigurationSet::Order ConfigurationSet::compare(const uint64_t* first, const uint64_t* second) const {
  bool first_can = true;
  bool second_can = true;
  for (size_t word = 0; word < words_ && (first_can || second_can); ++word) {
    const uint64_t differ = (first[word] ^ second[word]) | (first[words_ + word] ^ second[words_ + word]);
    const uint64_t first_may = first[word] & ~first[words_ + word];
    const uint64_t second_may = second[word] & ~second[words_ + word];
    first_can = first_can && (differ & ~first_may) == 0;
    second_can = second_can && (differ & ~second_may) == 0;
  }
  if (first_can) return Order::kFirstCanDoAll;
  return second_can ? Order::kSecondCanDoAll : Order::kNeither;
}

}  // namespace torc::check
