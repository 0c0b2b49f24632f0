// Test support: files in memory that lose what was not synced when the power of a machine fails.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "mapreduce/file_system.h"

namespace torc::mapreduce {

/// One file system that several machines see. What a machine has written and not synced is in that machine's memory
/// only.
class MemoryDisk {
 public:
  struct Inode {
    std::string data;
    size_t synced = 0;  // bytes that survive
    int writer = 0;     // machine
    uint64_t number = 0;
    uint64_t modified_ns = 0;
  };
  struct Name {
    std::shared_ptr<Inode> inode;
    bool is_durable = false;
    int maker = 0;
    std::string before;  // the name it had, which it gets back if the move is lost; empty: none
  };

  std::map<std::string, Name> names;
  std::vector<std::string> directories;
  uint64_t next_inode = 1;
  uint64_t clock_ns = 1'000'000'000;
  bool is_full = false;

  void put(const std::string& path, std::string data) {
    auto inode = std::make_shared<Inode>();
    inode->synced = data.size();
    inode->data = std::move(data);
    inode->number = next_inode++;
    inode->modified_ns = ++clock_ns;
    names[path] = Name{std::move(inode), true, 0, {}};
  }
  std::string get(const std::string& path) const {
    const auto found = names.find(path);
    return found == names.end() ? "(no such file)" : found->second.inode->data;
  }
  bool exists(const std::string& path) const { return names.contains(path); }
  bool is_durable(const std::string& path) const {
    const auto found = names.find(path);
    return found != names.end() && found->second.is_durable &&
           found->second.inode->synced == found->second.inode->data.size();
  }
  bool has_directory(const std::string& path) const {
    return std::find(directories.begin(), directories.end(), path) != directories.end();
  }
  /// What the machine had not synced is lost, or not: pages go to the disk when they like.
  void power_loss(int machine, Prng& prng) {
    std::vector<std::string> lost;
    for (auto& [path, name] : names) {
      Inode& inode = *name.inode;
      if (inode.writer == machine && inode.synced < inode.data.size() && prng.chance(3, 4)) {
        inode.data.resize(prng.between(inode.synced, inode.data.size() - 1));
      }
      if (name.maker == machine && !name.is_durable && prng.chance(1, 2)) lost.push_back(path);
    }
    for (const std::string& path : lost) {
      Name name = names[path];
      names.erase(path);
      if (name.before.empty() || names.contains(name.before)) continue;
      names[name.before] = Name{name.inode, true, name.maker, {}};
    }
  }
};

inline std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

/// The disk as one machine's processes see it. `before`: called before every step; false: this caller has been killed,
/// and nothing it still does has any effect.
class MemoryFiles final : public FileSystem {
 public:
  MemoryFiles(
      MemoryDisk& disk, int machine, std::function<bool()> before = [] { return true; })
      : disk_(disk), machine_(machine), before_(std::move(before)) {}

  Result<std::vector<InputFile>> expand(const std::string& input) override {
    if (!before_()) return killed();
    std::vector<InputFile> found;
    for (const auto& [path, name] : disk_.names) {
      if (path != input && directory_of(path) != input) continue;
      found.push_back(InputFile{path, state_of(*name.inode)});
    }
    if (found.empty()) return Error{ErrorCode::kNotFound, input + ": there is no such file"};
    return found;
  }
  Result<std::unique_ptr<ReadableFile>> open(const std::string& path) override {
    if (!before_()) return killed();
    const auto found = disk_.names.find(path);
    if (found == disk_.names.end()) return not_found(path);
    return std::unique_ptr<ReadableFile>(std::make_unique<Reading>(*this, found->second.inode));
  }
  Result<std::unique_ptr<WritableFile>> create(const std::string& path) override {
    if (!before_()) return killed();
    if (!disk_.has_directory(directory_of(path))) return not_found(path);
    if (disk_.names.contains(path)) return Error{ErrorCode::kInvalid, path + ": File exists"};
    auto inode = std::make_shared<MemoryDisk::Inode>();
    inode->writer = machine_;
    inode->number = disk_.next_inode++;
    inode->modified_ns = ++disk_.clock_ns;
    disk_.names[path] = MemoryDisk::Name{inode, false, machine_, {}};
    return std::unique_ptr<WritableFile>(std::make_unique<Writing>(*this, inode));
  }
  Status sync_directory(const std::string& path) override {
    if (!before_()) return killed();
    if (!disk_.has_directory(path)) return not_found(path);
    for (auto& [name, entry] : disk_.names) {
      if (directory_of(name) != path) continue;
      entry.is_durable = true;
      entry.before.clear();
    }
    return {};
  }
  Result<Moved> move(const std::string& from, const std::string& to) override {
    if (!before_()) return killed();
    const auto found = disk_.names.find(from);
    if (found == disk_.names.end()) return Moved::kNoSource;
    if (disk_.names.contains(to)) return Moved::kTargetExists;
    MemoryDisk::Name name{found->second.inode, false, machine_, from};
    disk_.names.erase(found);
    disk_.names[to] = std::move(name);
    return Moved::kYes;
  }
  Status remove(const std::string& path) override {
    if (!before_()) return killed();
    disk_.names.erase(path);
    return {};
  }
  Status make_directory(const std::string& path) override {
    if (!before_()) return killed();
    for (std::string each = path; each.size() > 1; each = directory_of(each)) {
      if (!disk_.has_directory(each)) disk_.directories.push_back(each);
    }
    return {};
  }
  Status remove_tree(const std::string& path) override {
    if (!before_()) return killed();
    std::erase_if(disk_.names, [&](const auto& each) { return each.first.starts_with(path + "/"); });
    std::erase_if(disk_.directories,
                  [&](const std::string& each) { return each == path || each.starts_with(path + "/"); });
    return {};
  }

 private:
  class Reading final : public ReadableFile {
   public:
    Reading(MemoryFiles& files, std::shared_ptr<MemoryDisk::Inode> inode) : files_(files), inode_(std::move(inode)) {}
    Result<size_t> read_at(uint64_t offset, char* to, size_t count) override {
      if (!files_.before_()) return killed();
      if (offset >= inode_->data.size()) return size_t{0};
      const std::string_view part = std::string_view(inode_->data).substr(offset, count);
      std::copy(part.begin(), part.end(), to);
      return part.size();
    }
    Result<FileState> state() override {
      if (!files_.before_()) return killed();
      return state_of(*inode_);
    }

   private:
    MemoryFiles& files_;
    std::shared_ptr<MemoryDisk::Inode> inode_;
  };
  class Writing final : public WritableFile {
   public:
    Writing(MemoryFiles& files, std::shared_ptr<MemoryDisk::Inode> inode) : files_(files), inode_(std::move(inode)) {}
    Status append(std::string_view bytes) override {
      // A write may be seen half done.
      for (const std::string_view part : {bytes.substr(0, bytes.size() / 2), bytes.substr(bytes.size() / 2)}) {
        if (!files_.before_()) return killed();
        if (files_.disk_.is_full) return Error{ErrorCode::kDiskFull, "No space left on device"};
        inode_->data += part;
        inode_->modified_ns = ++files_.disk_.clock_ns;
      }
      return {};
    }
    Status sync() override {
      if (!files_.before_()) return killed();
      inode_->synced = inode_->data.size();
      return {};
    }

   private:
    MemoryFiles& files_;
    std::shared_ptr<MemoryDisk::Inode> inode_;
  };

  static Error killed() { return Error{ErrorCode::kIo, "killed"}; }
  static Error not_found(const std::string& path) {
    return Error{ErrorCode::kNotFound, path + ": No such file or directory"};
  }
  static FileState state_of(const MemoryDisk::Inode& inode) {
    return FileState{inode.data.size(), inode.modified_ns, inode.number};
  }

  MemoryDisk& disk_;
  int machine_;
  std::function<bool()> before_;
};

}  // namespace torc::mapreduce
