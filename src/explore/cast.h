// Every state of a single replica, every message and every entry that was met, each kept once and named by a number;
// and what each input does to each state, computed once by the real core. A world is then a handful of numbers, and
// most of its steps are look-ups.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "explore/driver.h"
#include "explore/fingerprint.h"

namespace torc::explore {

/// Permutations of the replicas under which worlds count as one; names[p][node] is what p calls node. They keep the
/// configuration of birth and the membership changes as they are.
using Names = std::vector<std::vector<uint8_t>>;
Names names_of(const Config& config);

struct Input {
  InputKind kind = InputKind::kTick;
  uint32_t argument = 0;

  uint32_t packed() const { return static_cast<uint32_t>(kind) << 24 | argument; }
  friend bool operator==(const Input&, const Input&) = default;
};

/// What can be seen of one replica in one state.
struct Actor {
  consensus::ReplicaStatus status;
  Term durable_term;
  LogIndex acknowledged;
  std::vector<uint32_t> log;      // entry numbers, with everything that was handed to the disk
  std::vector<uint32_t> durable;  // entry numbers on the disk
  uint32_t records_pending = 0;
  bool has_pending = false;
  bool has_snapshot_to_send = false;
  std::string wrong;                      // of the core's own invariants; empty if none
  std::vector<Fingerprint> fingerprints;  // per permutation

  // How to get here: a start from a disk (no parent), or an input to another state.
  uint8_t position = 0;
  uint32_t time = 0;  // at the start from a disk; steps of time since then are inputs
  uint32_t parent = UINT32_MAX;
  Input input;
  uint32_t disk = UINT32_MAX;
};

/// Messages whose use can end for good (World). Not those whose answer waits for a disk: it would be part of a state.
enum class LineKind : uint8_t { kOther, kVoteGranted, kVoteRefused, kFollowed, kRequest, kOrder };

struct Line {
  Message message;
  std::optional<Snapshot> snapshot;  // instead of a message
  uint8_t from = 0;
  uint8_t to = 0;
  std::vector<Fingerprint> fingerprints;  // per permutation
  LineKind kind = LineKind::kOther;
  Term term;  // of any other kind
};

/// A configuration as sets of positions, one bit each.
struct VoterSets {
  uint8_t voters = 0;
  uint8_t outgoing = 0;
};

struct Step {
  uint32_t actor = 0;
  std::vector<uint32_t> sent;  // line numbers
  std::vector<consensus::ReadOutcome> reads;
  std::string wrong;
};

class Cast {
 public:
  explicit Cast(const Config& config);

  const Config& config() const { return config_; }
  const Names& names() const { return names_; }
  const Actor& actor(uint32_t number) const { return actors_[number]; }
  const Line& line(uint32_t number) const { return lines_[number]; }
  Term term_of(uint32_t entry) const { return entries_[entry].term; }
  /// Null if the entry is no configuration.
  const VoterSets* configuration_in(uint32_t entry) const {
    return configurations_[entry] ? &*configurations_[entry] : nullptr;
  }
  const VoterSets& birth() const { return birth_; }
  size_t actors() const { return actors_.size(); }
  size_t lines() const { return lines_.size(); }
  /// How often two histories led to one state and were compared from there on.
  uint64_t comparisons() const { return comparisons_; }

  uint32_t start(uint8_t position, const Disk& disk, uint64_t time = 0);
  const Step& step(uint32_t actor, Input input);

 private:
  struct KeyHash {
    size_t operator()(uint64_t key) const { return key * 0x9e3779b97f4a7c15u >> 7; }
  };
  struct Origin {
    uint32_t parent;
    Input input;
  };

  Step compute(uint32_t actor, Input input);
  std::unique_ptr<Driver> replay(uint32_t actor) const;
  std::unique_ptr<Driver> replay_otherwise(uint32_t actor) const;
  Effects apply(Driver& driver, Input input) const;
  uint32_t number_of_actor(const Driver& driver, uint8_t position, uint32_t parent, Input input, uint32_t disk,
                           uint32_t time);
  uint32_t number_of_line(Line line);
  std::vector<uint32_t> numbers_of_lines(const Effects& effects);
  uint32_t number_of_entry(const Entry& entry);
  std::vector<Fingerprint> fingerprints_of(const Driver& driver) const;
  Fingerprint identity_of(const Driver& driver) const;

  const Config config_;
  const Names names_;
  std::deque<Actor> actors_;
  std::deque<Line> lines_;
  std::vector<Entry> entries_;
  std::vector<std::optional<VoterSets>> configurations_;  // of entries_
  const VoterSets birth_;
  std::vector<Disk> disks_;
  std::deque<Step> steps_;
  std::unordered_map<Fingerprint, uint32_t, FingerprintHash> actor_numbers_;
  std::unordered_map<Fingerprint, uint32_t, FingerprintHash> line_numbers_;
  std::unordered_map<uint64_t, uint32_t, KeyHash> step_numbers_;  // actor << 32 | input
  std::unordered_map<uint32_t, Origin, KeyHash> other_origins_;   // of actors that a second history led to
  uint64_t comparisons_ = 0;
};

}  // namespace torc::explore
