#include "server/data_directory.h"

#include <utility>

#include "host/posix_file.h"
#include "storage/reserve.h"

namespace torc::server {

Status open_data_directory(const std::string& path, host::EventLoop& loop, DataDirectory& data) {
  if (const Status made = host::make_directories(path); !made.ok()) return made;
  auto disk = host::FileDisk::open(path, loop);
  if (!disk.ok()) return disk.error();
  data.disk = *std::move(disk);
  const Result<bool> given_up = is_given_up(*data.disk);
  if (!given_up.ok()) return given_up.error();
  if (*given_up) {
    Result<SetAside> moved = set_aside(path, *data.disk);
    if (!moved.ok()) return moved.error();
    data.was_set_aside = *std::move(moved);
  }
  data.aside = aside_use(path);
  auto checkpoints = host::RocksDbCheckpointStore::open(path + "/checkpoint", loop);
  // RocksDB writes a manifest when it is opened. A node that starts on a full disk is to serve reads.
  const bool is_disk_full = !checkpoints.ok() && checkpoints.error().code == ErrorCode::kDiskFull;
  if (is_disk_full && storage::give_up_reserve(*data.disk)) {
    checkpoints = host::RocksDbCheckpointStore::open(path + "/checkpoint", loop);
  }
  if (!checkpoints.ok()) return checkpoints.error();
  data.checkpoints = *std::move(checkpoints);
  return {};
}

}  // namespace torc::server
