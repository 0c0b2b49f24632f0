#include "power_loss/roll_back.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <vector>

#include "power_loss/state.h"

namespace torc::power_loss {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSectorBytes = 512;

std::string contents_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

uint64_t inode_of(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error("power loss: " + what + ": " + std::strerror(errno));
}

// ---- contents ----

/// One file's unsynced writes: what each page and the size were, oldest first. The newest is in the file itself.
struct UnsyncedFile {
  std::map<uint64_t, std::vector<std::string>> pages;
  std::vector<uint64_t> sizes;
};

UnsyncedFile read_pages(const std::string& path) {
  const std::string bytes = contents_of(path);
  UnsyncedFile unsynced;
  uint64_t at = kPagesBegin;
  if (bytes.size() >= sizeof at) std::memcpy(&at, bytes.data(), sizeof at);
  PageRecord record;
  while (at + sizeof record <= bytes.size()) {
    std::memcpy(&record, bytes.data() + at, sizeof record);
    at += sizeof record;
    if (record.magic != PageRecord::kMagic) throw std::runtime_error("power loss: " + path + " makes no sense");
    if (record.kind == PageRecord::Kind::kSettled) {
      for (uint64_t i = 0; i < record.page_count; ++i) unsynced.pages.erase(record.first_page + i);
      unsynced.sizes.clear();
      continue;
    }
    if (at + record.page_count * kPageBytes > bytes.size()) break;  // killed before the write it stands for
    for (uint64_t i = 0; i < record.page_count; ++i, at += kPageBytes) {
      unsynced.pages[record.first_page + i].push_back(bytes.substr(at, kPageBytes));
    }
    unsynced.sizes.push_back(record.size_before);
  }
  return unsynced;
}

/// Puts one of its versions, the one in the file included, in the place of each page.
class FileRollBack {
 public:
  FileRollBack(const std::string& path, Extent extent, Prng& prng) : extent_(extent), prng_(prng) {
    fd_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd_ < 0) fail("cannot open " + path);
  }
  ~FileRollBack() { ::close(fd_); }

  /// Returns how many pages changed.
  size_t run(const UnsyncedFile& unsynced) {
    struct stat status {};
    if (::fstat(fd_, &status) != 0) fail("cannot examine a file");
    const auto size_now = static_cast<uint64_t>(status.st_size);
    const uint64_t size_durable = unsynced.sizes.empty() ? size_now : unsynced.sizes.front();
    for (const auto& [page, versions] : unsynced.pages) choose(page, versions);
    // Where the file grew: what was never written there reads as zeros.
    const std::vector<std::string> never_written{std::string(kPageBytes, '\0')};
    for (uint64_t page = (size_durable + kPageBytes - 1) / kPageBytes; page * kPageBytes < size_now; ++page) {
      if (extent_ == Extent::kSome && !unsynced.pages.contains(page)) choose(page, never_written);
    }
    if (::ftruncate(fd_, static_cast<off_t>(chosen_size(size_durable, size_now))) != 0) fail("cannot cut a file");
    return changed_;
  }

 private:
  void choose(uint64_t page, const std::vector<std::string>& versions) {
    const uint64_t fate = extent_ == Extent::kNothing ? 0 : prng_.below(3);
    if (fate == 0) return put(page, versions.front());
    if (fate == 1) return;  // survives
    std::string now(kPageBytes, '\0');
    if (::pread(fd_, now.data(), now.size(), static_cast<off_t>(page * kPageBytes)) < 0) fail("cannot read a page");
    std::string torn;
    for (uint64_t sector = 0; sector < kPageBytes; sector += kSectorBytes) {
      const uint64_t version = prng_.below(versions.size() + 1);
      torn += (version == versions.size() ? now : versions[version]).substr(sector, kSectorBytes);
    }
    put(page, torn);
  }

  void put(uint64_t page, const std::string& bytes) {
    ++changed_;
    if (::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(page * kPageBytes)) !=
        static_cast<ssize_t>(bytes.size())) {
      fail("cannot put a page back");
    }
  }

  uint64_t chosen_size(uint64_t durable, uint64_t now) {
    if (extent_ == Extent::kNothing || durable == now) return durable;
    switch (prng_.below(3)) {
      case 0:
        return durable;
      case 1:
        return now;
      default:
        return prng_.between(std::min(durable, now), std::max(durable, now));
    }
  }

  const Extent extent_;
  Prng& prng_;
  int fd_;
  size_t changed_ = 0;
};

/// Every regular file of the directory and what is kept beside it, by inode.
std::map<uint64_t, std::string> files_by_inode(const std::string& root) {
  std::map<uint64_t, std::string> files;
  for (const std::string& place : {state_directory(root), root}) {
    std::error_code error;
    for (fs::recursive_directory_iterator entry(place, error), end; !error && entry != end; entry.increment(error)) {
      if (entry->is_regular_file(error)) files[inode_of(entry->path())] = entry->path();
    }
  }
  return files;
}

size_t roll_back_contents(const std::string& root, Extent extent, Prng& prng) {
  constexpr std::string_view kPrefix = "pages-";
  const std::map<uint64_t, std::string> files = files_by_inode(root);
  std::vector<uint64_t> inodes;
  for (const fs::directory_entry& entry : fs::directory_iterator(state_directory(root))) {
    const std::string name = entry.path().filename();
    if (name.starts_with(kPrefix)) inodes.push_back(std::stoull(name.substr(kPrefix.size())));
  }
  std::ranges::sort(inodes);
  size_t changed = 0;
  for (const uint64_t inode : inodes) {
    const auto file = files.find(inode);
    if (file == files.end()) continue;  // durably removed
    const UnsyncedFile unsynced = read_pages(pages_path(root, inode));
    if (unsynced.pages.empty() && unsynced.sizes.empty()) continue;
    changed += FileRollBack(file->second, extent, prng).run(unsynced);
  }
  return changed;
}

// ---- names ----

/// Operations that touch the same names keep their order: a power cut leaves the first few of each such chain. A name
/// is touched by what happens to it and by what happens below it.
class Chains {
 public:
  explicit Chains(const std::vector<NameOperation>& operations) : leader_(operations.size()) {
    for (size_t i = 0; i < operations.size(); ++i) {
      leader_[i] = i;
      for (size_t before = 0; before < i; ++before) {
        if (touch(operations[before], operations[i])) leader_[find(i)] = find(before);
      }
    }
  }
  size_t find(size_t i) const { return leader_[i] == i ? i : find(leader_[i]); }

 private:
  static bool touch(const NameOperation& a, const NameOperation& b) {
    const auto related = [](const std::string& x, const std::string& y) {
      return !x.empty() && !y.empty() && (is_within(x, y) || is_within(y, x));
    };
    return related(a.path, b.path) || related(a.path, b.to) || related(a.to, b.path) || related(a.to, b.to);
  }
  std::vector<size_t> leader_;
};

/// A directory that moved for good on one side: it has one name, so the move is done.
bool is_done_anyway(const NameOperation& operation) {
  std::error_code ignored;
  return operation.kind == NameOperation::Kind::kRename && operation.is_to_synced &&
         fs::is_directory(operation.to, ignored);
}

void undo(const std::string& root, const NameOperation& operation) {
  std::error_code error;
  // The process died after it had removed the directory and before that was noted: then this happened, too.
  if (!fs::exists(parent_of(operation.path), error)) return;
  const auto bring_back = [&](const std::string& path) {
    if (operation.kept != 0 && inode_of(path) == 0) fs::rename(kept_path(root, operation.kept), path, error);
  };
  switch (operation.kind) {
    case NameOperation::Kind::kCreate:
    case NameOperation::Kind::kLink:
      if (inode_of(operation.path) == operation.inode) fs::remove(operation.path, error);
      break;
    case NameOperation::Kind::kMkdir:
      fs::remove_all(operation.path, error);
      break;
    case NameOperation::Kind::kRmdir:
      fs::create_directory(operation.path, error);
      break;
    case NameOperation::Kind::kUnlink:
      bring_back(operation.path);
      break;
    case NameOperation::Kind::kRename: {
      if (inode_of(operation.to) != operation.inode || inode_of(operation.path) != 0) break;
      if (operation.is_to_synced) {
        fs::create_hard_link(operation.to, operation.path, error);
      } else {
        fs::rename(operation.to, operation.path, error);
        bring_back(operation.to);
      }
      break;
    }
  }
  if (error) throw std::runtime_error("power loss: cannot take back what happened to " + operation.path);
}

size_t roll_back_names(const std::string& root, Extent extent, Prng& prng) {
  std::vector<NameOperation> operations = decode_names(contents_of(names_path(root)));
  std::vector<NameOperation> pending;
  std::ranges::copy_if(operations, std::back_inserter(pending),
                       [](const NameOperation& operation) { return !operation.is_durable(); });
  const Chains chains(pending);
  std::map<size_t, uint64_t> length;
  for (size_t i = 0; i < pending.size(); ++i) ++length[chains.find(i)];
  std::map<size_t, uint64_t> kept;
  for (const auto& [chain, count] : length) kept[chain] = extent == Extent::kNothing ? 0 : prng.below(count + 1);
  std::map<uint64_t, bool> is_undone;
  for (size_t i = 0; i < pending.size(); ++i) {
    uint64_t& left = kept[chains.find(i)];
    is_undone[pending[i].number] = left == 0;
    left -= left > 0 ? 1 : 0;
  }
  // What a new directory holds is only as durable as its own name.
  for (NameOperation& operation : operations) {
    const auto goes_with = [&](const NameOperation& made) {
      return made.kind == NameOperation::Kind::kMkdir && is_undone[made.number] && is_within(operation.to, made.path);
    };
    if (std::ranges::any_of(operations, goes_with)) operation.is_to_synced = false;
  }
  size_t undone = 0;
  for (size_t i = operations.size(); i-- > 0;) {
    const NameOperation operation = operations[i];
    if (is_undone[operation.number] && !is_done_anyway(operation)) {
      undo(root, operation);
      ++undone;
    } else if (operation.kind == NameOperation::Kind::kRename) {
      // What happened before, below a directory that keeps its new name, is found there.
      for (size_t before = 0; before < i; ++before) {
        for (std::string* path : {&operations[before].path, &operations[before].to}) {
          if (is_within(*path, operation.path)) *path = operation.to + path->substr(operation.path.size());
        }
      }
    }
  }
  return undone;
}

}  // namespace

std::string roll_back(const std::string& root, Extent extent, Prng& prng) {
  if (!fs::exists(state_directory(root))) return "nothing was written";
  const size_t pages = roll_back_contents(root, extent, prng);
  const size_t names = roll_back_names(root, extent, prng);
  fs::remove_all(state_directory(root));
  return std::to_string(pages) + " pages, " + std::to_string(names) + " changes of names";
}

}  // namespace torc::power_loss
