// What gathers between two writes of the log.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "consensus/types.h"
#include "storage/batch_encoder.h"
#include "storage/log_groups.h"
#include "storage/record_format.h"

namespace torc::storage {

class PendingAppends {
 public:
  /// Of any kind but an entry. All of these are urgent: terms and votes, and what frees space.
  void add(RecordKind kind, GroupId group, std::string payload);
  void add_entry(GroupId group, const consensus::Entry& entry, bool is_urgent);

  bool empty() const { return appends_.empty(); }
  /// Of the entries' records.
  uint64_t bytes() const { return bytes_; }
  /// Holds something else than commands.
  bool has_urgent() const { return has_urgent_; }

  /// Everything goes into the batch, in order, and its groups learn where it stands. A group whose last record says
  /// that it is gone is not known any more then. Returns the groups spoken of, each at least once.
  std::vector<GroupId> write(BatchEncoder& encoder, LogGroups& groups);

 private:
  /// `entry` of kEntry, `payload` of the others.
  struct Append {
    RecordKind kind;
    GroupId group;
    consensus::Entry entry;
    std::string payload;
  };
  std::vector<Append> appends_;
  uint64_t bytes_ = 0;
  bool has_urgent_ = false;
};

}  // namespace torc::storage
