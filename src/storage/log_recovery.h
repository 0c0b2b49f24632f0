// From the files of a data directory to a log that can be written on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/disk.h"
#include "storage/log.h"
#include "storage/log_replay.h"
#include "storage/record_format.h"

namespace torc::storage {

struct Segment {
  uint64_t sequence = 0;
  LogPosition base;
  std::string name;
  std::unique_ptr<env::File> file;
};

struct RecoveredLog {
  LogReplay::Outcome groups;
  std::vector<Segment> segments;  // ascending; the last one is new and open for appending
  LogPosition end;                // everything before is durable
  uint64_t salt = 0;
  uint64_t owner = 0;        // from here on
  uint64_t owner_found = 0;  // as the files said
  uint64_t first_sequence_needed = 1;
  std::vector<std::string> spare_names;    // zero-filled or recycled files of full size
  std::vector<std::string> surplus_names;  // files to remove
  uint64_t next_file_number = 1;
};

/// "log-" and the number in 16 hexadecimal digits. The number says nothing: a recycled file keeps its name.
std::string segment_file_name(uint64_t number);

/// Decides what the log holds (rules.md#torn-or-damaged), in this order:
///  1. Each header names its predecessor. The newest one's first_sequence_needed, or a later kTrim, says where the
///  chain
///     may end; a gap above that is corruption.
///  2. In all segments but the newest, anything that is not a valid record is corruption: a segment is begun only when
///     everything before it was synced.
///  3. In the newest, reading stops at the first invalid record. If any later record header says that an fsync had
///     completed beyond that point, it is corruption; else it is the torn tail of the last batch, in which pages of one
///     unsynced write reached the disk in any order, and is cut off.
///  4. A new segment is written in one atomic, durable step. It says where its predecessor ends, so that good records
///     behind the torn point can never come back, and holds a copy of the valid records that no completed fsync is
///     known to cover: they may still be in the page cache only (the process died, not the machine), and what a replica
///     remembers at start counts as durable.
/// A record or segment of a later version is neither damage nor a torn tail: nothing is decided and nothing written.
/// Errors: kCorrupt and kVersion with file and offset, kIo, kDiskFull.
Result<RecoveredLog> recover_log(env::Disk& disk, const LogOptions& options);

}  // namespace torc::storage
