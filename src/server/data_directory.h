// What a server keeps on disk, and what happens when it turns out to be damaged.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "host/disk.h"
#include "host/event_loop.h"
#include "host/rocksdb_checkpoint_store.h"

namespace torc::server {

struct DataDirectory {
  std::unique_ptr<host::FileDisk> disk;  // first: it holds the lock
  std::unique_ptr<host::RocksDbCheckpointStore> checkpoints;
  bool had_damage = false;  // something was set aside in this directory
};

/// Creates `path` if it is missing. Errors: as FileDisk::open and RocksDbCheckpointStore::open.
Result<DataDirectory> open_data_directory(const std::string& path, host::EventLoop& loop);

/// Moves everything in `path` into a new folder damaged-<number> inside of it, so that a node whose data cannot be
/// trusted starts from nothing, comes back under a new incarnation and is brought up to date by the others, while a
/// person can still look at what there was. Nothing is ever deleted. A crash on the way leaves a directory that is
/// refused as damaged again: the identity goes last.
/// Requires: nobody has the directory open. Returns the folder. Errors: kIo.
Result<std::string> set_aside(const std::string& path);

}  // namespace torc::server
