// What can still be read of a damaged log (docs/operating.md, "A majority has lost the same").
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/strong_id.h"
#include "consensus/types.h"
#include "env/disk.h"

namespace torc::storage {

/// One group's entries as of the log's last readable record. Unlike recovery this goes on behind damage, so entries may
/// be missing in the middle, and an entry that a lost record replaced may still be here.
struct SalvagedLog {
  std::map<LogIndex, consensus::Entry> entries;
  uint64_t bytes_unreadable = 0;      // before the last record of their file: they were records once
  std::vector<std::string> troubles;  // one sentence for each file with some
};

/// Writes nothing. Errors: kIo if not even the names can be read, kVersion.
Result<SalvagedLog> salvage_log(env::Disk& disk, GroupId group);

}  // namespace torc::storage
