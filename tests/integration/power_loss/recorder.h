// Keeps what a process changes below one directory until it is synced (state.h says where and how).
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "power_loss/state.h"

namespace torc::power_loss {

/// Of one file: what each write since the last sync replaced.
class PageJournal {
 public:
  /// Continues what an earlier life of the process left. `fd`: any descriptor of the file.
  PageJournal(std::string path, int fd);
  ~PageJournal();
  PageJournal(const PageJournal&) = delete;
  PageJournal& operator=(const PageJournal&) = delete;

  /// Held from before save() until the write is done.
  std::mutex& mutex() { return mutex_; }
  /// Before [offset, offset + bytes) is written, or cut off. Requires: the mutex is held.
  void save(uint64_t offset, uint64_t bytes);
  /// The range and the size are durable. Requires: the mutex is held.
  void settle(uint64_t offset, uint64_t bytes);
  /// A sync that begins now covers everything up to here.
  uint64_t position();
  void synced_through(uint64_t position);
  bool is_clean();

 private:
  void append(const PageRecord& record, const std::string& pages);

  std::mutex mutex_;
  int fd_;       // of the journal
  int file_fd_;  // of the file, for reading
  uint64_t begin_ = kPagesBegin;
  uint64_t end_ = kPagesBegin;
  uint64_t dropped_ = 0;  // bytes that were in front of kPagesBegin once: positions never run backwards
};

/// What was created, renamed, linked and removed. Every operation holds the mutex from before it begins until it is
/// noted: a process that dies in between has done it, and a power cut may keep that as well as undo it.
class NameJournal {
 public:
  explicit NameJournal(std::string root);

  std::mutex& mutex() { return mutex_; }
  // Requires: the mutex is held.
  /// Keeps the file at `path` reachable; 0 if nothing stands there.
  uint64_t keep(const std::string& path);
  void note(NameOperation operation);
  void drop_kept(uint64_t kept);

  /// A sync of a directory that begins now covers every operation up to this number.
  uint64_t position();
  void directory_synced(const std::string& directory, uint64_t through);

 private:
  const std::string root_;
  std::mutex mutex_;
  int fd_;
  uint64_t end_ = 0;
  uint64_t last_number_ = 0;
  uint64_t last_kept_ = 0;
  std::vector<NameOperation> pending_;
};

/// Which syncs count. Those that do not are not even passed on.
struct Lies {
  bool data_syncs_do_nothing = false;
  bool directory_syncs_do_nothing = false;
  std::chrono::milliseconds data_syncs_come_late{0};  // they return at once, and count so much later
};

class Recorder {
 public:
  /// Nothing unless TORC_POWER_LOSS_ROOT names a directory. TORC_POWER_LOSS_LIE: "data", "directories" or "late".
  /// TORC_POWER_LOSS_DIE_AT: the process dies (SIGKILL) before the step with this number.
  static Recorder* instance();

  bool is_below(const std::string& path) const { return is_within(path, root_); }
  /// A name is about to change, or something to be synced.
  void step();
  NameJournal& names() { return names_; }
  /// Null if the file is none of ours. `is_needed`: something is about to be written.
  std::shared_ptr<PageJournal> pages_of(int fd, bool is_needed);
  /// The inode belongs to a new file.
  void forget_pages(uint64_t inode);
  /// fsync or fdatasync, `next` being the real one.
  int sync(int fd, int (*next)(int));

 private:
  Recorder(std::string root, Lies lies, uint64_t die_at);
  int sync_directory(int fd, int (*next)(int));
  void count_late(std::shared_ptr<PageJournal> pages, uint64_t position);
  void count_late_syncs();

  struct LateSync {
    std::chrono::steady_clock::time_point at;
    std::shared_ptr<PageJournal> pages;
    uint64_t position;
  };

  const std::string root_;
  const Lies lies_;
  const uint64_t die_at_;
  std::atomic<uint64_t> steps_{0};
  NameJournal names_;
  std::mutex mutex_;
  std::map<uint64_t, std::shared_ptr<PageJournal>> pages_;  // by inode
  std::deque<LateSync> late_;
  std::condition_variable late_wake_;
};

}  // namespace torc::power_loss
