#include "storage/retention.h"

namespace torc::storage {

void Retention::note(GroupId group, std::optional<LogPosition> oldest_record) {
  const auto known = oldest_.find(group);
  if (known == oldest_.end()) {
    if (!oldest_record) return;
    oldest_.emplace(group, *oldest_record);
    pins_.emplace(*oldest_record, group);
    return;
  }
  if (oldest_record && known->second == *oldest_record) return;
  pins_.erase({known->second, group});
  if (oldest_record) {
    known->second = *oldest_record;
    pins_.emplace(*oldest_record, group);
  } else {
    oldest_.erase(known);
  }
}

}  // namespace torc::storage
