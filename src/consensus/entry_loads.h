// Entries that have to be read back from the log before they can be sent: what was asked of the driver and for what.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "consensus/ready.h"

namespace torc::consensus {

class EntryLoads {
 public:
  enum class Purpose : uint8_t { kAppend, kPull };
  struct Load {
    Purpose purpose = Purpose::kAppend;
    LogIndex first;
  };

  /// At most one load per peer is out, whatever it is for.
  bool is_out(ReplicaId peer) const { return out_.contains(peer); }
  /// Requires: !is_out(wanted.peer).
  void want(Purpose purpose, const EntriesWanted& wanted) {
    CHECK(!is_out(wanted.peer)) << "two loads for " << wanted.peer;
    out_[wanted.peer] = {purpose, wanted.first};
    wanted_.push_back(wanted);
  }
  /// The driver answered. Nothing if it was not asked.
  std::optional<Load> answered(ReplicaId peer) {
    const auto found = out_.find(peer);
    if (found == out_.end()) return std::nullopt;
    const Load load = found->second;
    out_.erase(found);
    return load;
  }
  /// Takes back what no Ready has carried yet. Other answers are still to come, also after the end of a leadership.
  void forget_unsent(Purpose purpose) {
    std::erase_if(wanted_, [&](const EntriesWanted& wanted) {
      const bool is_meant = out_.at(wanted.peer).purpose == purpose;
      if (is_meant) out_.erase(wanted.peer);
      return is_meant;
    });
  }

  bool has_wanted() const { return !wanted_.empty(); }
  std::vector<EntriesWanted> take_wanted() { return std::exchange(wanted_, {}); }

 private:
  std::vector<EntriesWanted> wanted_;
  std::map<ReplicaId, Load> out_;
};

}  // namespace torc::consensus
