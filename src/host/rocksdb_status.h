// What RocksDB says, in our words.
#pragma once

#include <rocksdb/slice.h>
#include <rocksdb/status.h>

#include <string_view>

#include "base/result.h"

namespace torc::host {

/// kCorrupt: the data is damaged, or cannot be read any more. kDiskFull, kVersion (written by a RocksDB that knows
/// more) and, for everything else, kIo. The text begins with `doing`.
Status to_status(const rocksdb::Status& status, std::string_view doing);

inline rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace torc::host
