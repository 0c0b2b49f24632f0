#include "cli/playground_data.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <vector>

namespace torc::cli {
namespace {

namespace fs = std::filesystem;

/// "node-12" or "node-12.log".
bool is_of_a_node(std::string_view name) {
  constexpr std::string_view kPrefix = "node-";
  constexpr std::string_view kLog = ".log";
  if (!name.starts_with(kPrefix)) return false;
  name.remove_prefix(kPrefix.size());
  if (name.ends_with(kLog)) name.remove_suffix(kLog.size());
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// A node that runs holds the lock of its data directory (host/disk.h).
bool is_in_use(const fs::path& data) {
  const int lock = ::open((data / "lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (lock < 0) return false;
  const bool is_free = ::flock(lock, LOCK_EX | LOCK_NB) == 0;
  ::close(lock);
  return !is_free;
}

}  // namespace

Status remove_nodes(const std::string& directory) {
  std::error_code error;
  std::vector<fs::path> found;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    if (is_of_a_node(at->path().filename().string())) found.push_back(at->path());
  }
  if (error == std::errc::no_such_file_or_directory) return {};
  for (const fs::path& path : found) {
    if (is_in_use(path)) return Error{ErrorCode::kUnavailable, path.string() + " is in use by a node that runs"};
  }
  for (const fs::path& path : found) {
    if (!error) fs::remove_all(path, error);
  }
  if (error) return Error{ErrorCode::kIo, directory + ": " + error.message()};
  return {};
}

}  // namespace torc::cli
