#include "server/data_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "host/posix_file.h"

namespace torc::server {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAsidePrefix = "damaged-";
constexpr std::string_view kIdentity = "identity";
constexpr std::string_view kLock = "lock";

Status sync_directory(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool is_synced = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (!is_synced) return Error{ErrorCode::kIo, "cannot sync " + path.string()};
  return {};
}

}  // namespace

Result<DataDirectory> open_data_directory(const std::string& path, host::EventLoop& loop) {
  if (const Status made = host::make_directories(path); !made.ok()) return made.error();
  DataDirectory data;
  auto disk = host::FileDisk::open(path, loop);
  if (!disk.ok()) return disk.error();
  data.disk = *std::move(disk);
  auto checkpoints = host::RocksDbCheckpointStore::open(path + "/checkpoint", loop);
  if (!checkpoints.ok()) return checkpoints.error();
  data.checkpoints = *std::move(checkpoints);
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, ignored)) {
    data.had_damage = data.had_damage || entry.path().filename().string().starts_with(kAsidePrefix);
  }
  return data;
}

Result<std::string> set_aside(const std::string& path) {
  std::error_code error;
  std::vector<fs::path> moved;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    if (name != kLock && !name.starts_with(kAsidePrefix)) moved.push_back(entry.path());
  }
  std::stable_partition(moved.begin(), moved.end(), [](const fs::path& one) { return one.filename() != kIdentity; });

  fs::path aside;
  for (int number = 1; aside.empty() && !error; ++number) {
    const fs::path candidate = fs::path(path) / (std::string(kAsidePrefix) + std::to_string(number));
    if (fs::create_directory(candidate, error)) aside = candidate;
  }
  for (const fs::path& one : moved) {
    if (!error) fs::rename(one, aside / one.filename(), error);
  }
  if (error) return Error{ErrorCode::kIo, "cannot move the damaged data in " + path + ": " + error.message()};
  for (const fs::path& changed : {aside, fs::path(path)}) {
    if (const Status synced = sync_directory(changed); !synced.ok()) return synced.error();
  }
  return aside.string();
}

}  // namespace torc::server
