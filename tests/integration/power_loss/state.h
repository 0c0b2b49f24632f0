// What a preloaded node leaves beside its data directory, and what a power cut reads there: the former contents of
// everything that was not synced yet.
//
// The library that is preloaded (recorder.h) appends, before it lets the process write; after kill -9 the files are
// complete, because the page cache outlives the process. The state of the directory `D` stands in `D.unsynced/`:
//
//   pages-<inode>   what a file held before each write, newest last
//   names           what was created, renamed, linked and removed
//   kept-<number>   hard links to what was removed or replaced, so that a name can come back
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace torc::power_loss {

/// What a disk writes in one piece, except when power fails in the middle of it.
constexpr uint64_t kPageBytes = 4096;

inline std::string state_directory(const std::string& root) { return root + ".unsynced"; }
inline std::string pages_path(const std::string& root, uint64_t inode) {
  return state_directory(root) + "/pages-" + std::to_string(inode);
}
inline std::string names_path(const std::string& root) { return state_directory(root) + "/names"; }
inline std::string kept_path(const std::string& root, uint64_t number) {
  return state_directory(root) + "/kept-" + std::to_string(number);
}
inline std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }
/// `path` is `root` or lies below it.
inline bool is_within(std::string_view path, std::string_view root) {
  return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

// ---- pages-<inode>: u64 position of the first record that is not synced, then records ----

struct PageRecord {
  static constexpr uint32_t kMagic = 0x746f7263;
  enum class Kind : uint32_t {
    kBefore,   // `page_count` pages follow: what they held before a write that comes next
    kSettled,  // the pages, and the size, are durable as they are now: a write through O_DSYNC
  };
  uint32_t magic = kMagic;
  Kind kind = Kind::kBefore;
  uint64_t size_before = 0;  // of the file
  uint64_t first_page = 0;
  uint64_t page_count = 0;
};
constexpr uint64_t kPagesBegin = sizeof(uint64_t);

// ---- names: one line each ----

struct NameOperation {
  enum class Kind : char { kCreate = 'c', kMkdir = 'd', kLink = 'l', kRename = 'r', kUnlink = 'u', kRmdir = 'x' };
  uint64_t number = 0;
  Kind kind = Kind::kCreate;
  uint64_t inode = 0;
  uint64_t kept = 0;  // kept-<n> holds what was removed or replaced; 0: nothing was
  std::string path;   // of kRename: the old name
  std::string to;     // of kRename: the new name
  // Which of its directories were synced since.
  bool is_from_synced = false;
  bool is_to_synced = false;

  /// A rename into another directory whose old name is certainly gone is done: it is one step. If only the new name is
  /// certain the file may stand under both.
  bool is_durable() const { return is_from_synced; }
  void directory_synced(const std::string& directory) {
    is_from_synced = is_from_synced || parent_of(path) == directory;
    is_to_synced = is_to_synced || (kind == Kind::kRename && parent_of(to) == directory);
  }
};

std::string encode(const NameOperation& operation);
std::string encode_directory_sync(const std::string& directory, uint64_t through);

/// Every operation of the file, in order, with the syncs that followed. A line that is cut off counts as not there.
std::vector<NameOperation> decode_names(std::string_view text);

}  // namespace torc::power_loss
