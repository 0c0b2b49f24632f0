// Entries of a running log, from memory or from its files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "consensus/types.h"
#include "storage/log_group.h"
#include "storage/segment_set.h"

namespace torc::storage {

/// Blocking: entries first..last, stopping after the entry that reaches `bytes_max`. `salt`: of the log's checksums.
/// Errors: kNotFound if `first` was cut or is not there; kCorrupt with file and offset; kIo.
Result<std::vector<consensus::Entry>> read_entries(const LogGroup& group, const SegmentSet& segments, uint64_t salt,
                                                   LogIndex first, LogIndex last, size_t bytes_max);

}  // namespace torc::storage
