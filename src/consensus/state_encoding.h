// The whole state of a replica as bytes: replicas of equal encodings behave alike for ever. For the model checker.
#pragma once

#include <span>
#include <string>

#include "consensus/replica.h"

namespace torc::consensus {

struct StateEncodingOptions {
  /// names[node] is what node is called, so that states that differ only in who is who can be made equal. Covers all
  /// nodes that occur; position 0 stays 0.
  std::span<const uint8_t> names;
  /// False where every input comes after a silence longer than any timeout: then no clock reading decides anything.
  bool with_times = true;
  /// False where no read is asked for and no lease is used: then no stamp decides anything.
  bool with_stamps = true;
};

/// Appends values so that equal bytes mean equal values.
class StateWriter {
 public:
  StateWriter(const StateEncodingOptions& options, std::string& out) : options_(options), out_(out) {}

  const StateEncodingOptions& options() const { return options_; }
  void number(uint64_t value);
  void bytes(std::string_view value);
  void id(ReplicaId id);
  void ids(const std::vector<ReplicaId>& ids);
  void time(Instant time);
  void entry(const Entry& entry);
  void configuration(const Configuration& configuration);
  void hard_state(const HardState& state);

 private:
  const StateEncodingOptions& options_;
  std::string& out_;
};

/// Appends the state of `replica`. `unreported`: the sequences persisted() will be called with, in order; how many
/// Readys there were between them does not matter. Loads (EntriesWanted) are left out, and the time of the last input:
/// the next one brings its own. Requires: !replica.has_ready(), no load is out.
void encode_state(const Replica& replica, std::span<const uint64_t> unreported, StateWriter& out);

}  // namespace torc::consensus
