// What a server keeps on disk.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "host/disk.h"
#include "host/event_loop.h"
#include "host/rocksdb_checkpoint_store.h"
#include "server/set_aside.h"

namespace torc::server {

struct DataDirectory {
  std::unique_ptr<host::FileDisk> disk;  // first: it holds the lock
  std::unique_ptr<host::RocksDbCheckpointStore> checkpoints;
  AsideUse aside;                         // damaged data that is kept
  std::optional<SetAside> was_set_aside;  // just now: it had been given up before

  bool had_damage() const { return aside.folders > 0; }
};

/// Fills `data`. Creates `path` if it is missing; if it was given up, sets aside what is in it first. After a failure
/// `data` holds what could be opened: give_up() needs the disk.
/// Errors: as is_given_up, set_aside, FileDisk::open and RocksDbCheckpointStore::open.
Status open_data_directory(const std::string& path, host::EventLoop& loop, DataDirectory& data);

}  // namespace torc::server
