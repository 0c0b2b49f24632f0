// Sets of search configurations, of which only those are kept that no other one makes superfluous.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "check/state_space.h"

namespace torc::check {

/// One way in which everything that ended so far can have happened. Operations under way stand in numbered slots.
/// Per slot:  pending and mandatory   has not taken effect, and must before it ends
///            pending                 may still take effect, need not: its answer never came, or it may just as well
///            have
///                                    happened unseen right before a set that replaced its value
///            neither                 has taken effect
struct Configuration {
  StateId state = kNilState;
  std::vector<uint64_t> pending;    // one bit per slot
  std::vector<uint64_t> mandatory;  // a subset of pending

  bool is_pending(size_t slot) const { return pending[slot / 64] >> (slot % 64) & 1; }
  bool is_mandatory(size_t slot) const { return mandatory[slot / 64] >> (slot % 64) & 1; }
  void set_pending(size_t slot, bool must) {
    pending[slot / 64] |= uint64_t{1} << (slot % 64);
    if (must) mandatory[slot / 64] |= uint64_t{1} << (slot % 64);
  }
  void set_done(size_t slot) {
    pending[slot / 64] &= ~(uint64_t{1} << (slot % 64));
    mandatory[slot / 64] &= ~(uint64_t{1} << (slot % 64));
  }
};

/// `insert` drops a configuration if one with the same state can do all it can: equal in every slot, or with "may"
/// where the other has "must" or "done". This is what keeps the set small: many sets under way at once, of which any
/// subset may have been replaced unseen, are one configuration instead of 2^n.
class ConfigurationSet {
 public:
  explicit ConfigurationSet(size_t words) : words_(words) {}

  void insert(const Configuration& configuration);
  void clear();
  /// Positions 0 .. end(); some may be dropped ones. Inserting goes on at the end, so a set can serve as its own queue.
  size_t end() const { return states_.size(); }
  bool is_alive(size_t position) const { return states_[position] != kDropped; }
  bool empty() const { return alive_ == 0; }
  size_t size() const { return alive_; }
  /// Copies into `out`, reusing its memory. Requires: is_alive(position).
  void read(size_t position, Configuration& out) const;
  StateId state(size_t position) const { return states_[position]; }
  bool is_pending(size_t position, size_t slot) const { return bits(position)[slot / 64] >> (slot % 64) & 1; }
  /// Changes slots only. No other configuration is dropped for it.
  void add_pending(size_t position, size_t slot, bool must);
  void swap(ConfigurationSet& other) noexcept;

 private:
  static constexpr StateId kDropped = UINT32_MAX;
  static constexpr uint32_t kNone = UINT32_MAX;

  const uint64_t* bits(size_t position) const { return bits_.data() + position * 2 * words_; }
  enum class Order { kFirstCanDoAll, kSecondCanDoAll, kNeither };
  Order compare(const uint64_t* first, const uint64_t* second) const;

  size_t words_;
  size_t alive_ = 0;
  std::vector<StateId> states_;
  std::vector<uint64_t> bits_;   // per configuration: the words of pending, then those of mandatory
  std::vector<uint32_t> next_;   // the next one with the same state
  std::vector<uint32_t> heads_;  // by state
};

}  // namespace torc::check
