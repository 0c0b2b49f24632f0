// What of a log its groups still need: where each one's oldest entry stands, in the order of the log.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/strong_id.h"
#include "storage/record_format.h"

namespace torc::storage {

/// Kept up by those groups only that a batch spoke of, so that a thousand idle groups cost a sync nothing.
class Retention {
 public:
  using Pins = std::set<std::pair<LogPosition, GroupId>>;

  /// Nothing: no entry of the group stands in the log.
  void note(GroupId group, std::optional<LogPosition> oldest_record);
  /// Groups with entries, by where their oldest one stands.
  const Pins& pins() const { return pins_; }

 private:
  std::map<GroupId, LogPosition> oldest_;
  Pins pins_;
};

}  // namespace torc::storage
