// Preloaded into a node (LD_PRELOAD): everything that it changes below TORC_POWER_LOSS_ROOT and has not synced can be
// taken back after kill -9 (power_loss/roll_back.h), as a machine takes it back when its power fails. kill -9 alone
// keeps the page cache, so that it would not notice if nothing was ever synced. In the manner of ALICE (OSDI'14) and
// LazyFS.
//
// Strict where file systems differ: a name is durable once its directory is synced, whatever else was;
// sync_file_range() promises nothing. What is not covered ends the process, so that no gap goes unnoticed.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <mutex>

#include "power_loss/recorder.h"
#include "power_loss/system.h"

namespace torc::power_loss {
namespace {

uint64_t total_bytes(const iovec* parts, int count) {
  uint64_t total = 0;
  for (int i = 0; i < count; ++i) total += parts[i].iov_len;
  return total;
}

uint64_t size_of(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
}

/// Where write() will begin.
uint64_t position(int fd) {
  if ((::fcntl(fd, F_GETFL) & O_APPEND) != 0) return size_of(fd);
  const off_t at = ::lseek(fd, 0, SEEK_CUR);
  return at > 0 ? static_cast<uint64_t>(at) : 0;
}

/// Runs `write`, which changes [offset(), offset() + bytes) of the file.
template <typename Offset, typename Write>
auto recorded(int fd, Offset offset, uint64_t bytes, Write write) {
  Recorder* recorder = Recorder::instance();
  const std::shared_ptr<PageJournal> pages = recorder == nullptr ? nullptr : recorder->pages_of(fd, true);
  if (!pages) return write();
  const std::lock_guard lock(pages->mutex());
  const uint64_t begin = offset();
  pages->save(begin, bytes);
  const auto result = write();
  const bool is_synced = (::fcntl(fd, F_GETFL) & O_DSYNC) != 0;  // O_SYNC has this bit too
  if (is_synced && result > 0) pages->settle(begin, static_cast<uint64_t>(result));
  return result;
}

template <typename Cut>
int cut_off(int fd, off_t bytes, Cut cut) {
  const uint64_t before = size_of(fd);
  const auto kept = static_cast<uint64_t>(bytes);
  const auto from = [&] { return kept; };
  return recorded(fd, from, before > kept ? before - kept : 0, cut);
}

/// The contents that O_TRUNC is about to take.
void save_contents(Recorder& recorder, const std::string& path) {
  const int fd = real_open(path.c_str(), O_RDONLY);
  if (fd < 0) return;
  if (const auto pages = recorder.pages_of(fd, true)) {
    const std::lock_guard lock(pages->mutex());
    pages->save(0, size_of(fd));
  }
  ::close(fd);
}

template <typename Open>
int open_recorded(int directory_fd, const char* path, int flags, Open open) {
  Recorder* recorder = Recorder::instance();
  if (recorder == nullptr || (flags & (O_CREAT | O_TRUNC)) == 0) return open();
  const std::string whole = absolute(directory_fd, path);
  if (!recorder->is_below(whole)) return open();
  if ((flags & O_TMPFILE) == O_TMPFILE) give_up("O_TMPFILE is not covered");
  recorder->step();
  const std::lock_guard lock(recorder->names().mutex());
  const bool existed = ::access(whole.c_str(), F_OK) == 0;
  if (existed && (flags & O_TRUNC) != 0) save_contents(*recorder, whole);
  const int fd = open();
  struct stat status {};
  if (fd < 0 || existed || ::fstat(fd, &status) != 0) return fd;
  recorder->forget_pages(status.st_ino);
  recorder->names().note({.kind = NameOperation::Kind::kCreate, .inode = status.st_ino, .path = whole});
  return fd;
}

/// An operation on one name; `is_removal`: what stands there is kept.
template <typename Change>
int change_name(NameOperation::Kind kind, int directory_fd, const char* path, Change change) {
  Recorder* recorder = Recorder::instance();
  const std::string whole = recorder == nullptr ? "" : absolute(directory_fd, path);
  if (recorder == nullptr || !recorder->is_below(whole)) return change();
  recorder->step();
  NameJournal& names = recorder->names();
  const std::lock_guard lock(names.mutex());
  const uint64_t kept = kind == NameOperation::Kind::kUnlink ? names.keep(whole) : 0;
  const int result = change();
  if (result == 0) {
    names.note({.kind = kind, .kept = kept, .path = whole});
  } else {
    const int number = errno;
    names.drop_kept(kept);
    errno = number;
  }
  return result;
}

template <typename Change>
int move_name(NameOperation::Kind kind, const std::string& from, const std::string& to, Change change) {
  Recorder* recorder = Recorder::instance();
  if (recorder == nullptr || (!recorder->is_below(from) && !recorder->is_below(to))) return change();
  if (!recorder->is_below(from) || !recorder->is_below(to)) give_up("a file moves into the directory or out of it");
  recorder->step();
  NameJournal& names = recorder->names();
  const std::lock_guard lock(names.mutex());
  struct stat status {};
  const uint64_t inode = ::lstat(from.c_str(), &status) == 0 ? status.st_ino : 0;
  const uint64_t kept = kind == NameOperation::Kind::kRename ? names.keep(to) : 0;
  const int result = change();
  if (result == 0 && kind == NameOperation::Kind::kRename) {
    names.note({.kind = kind, .inode = inode, .kept = kept, .path = from, .to = to});
  } else if (result == 0) {
    names.note({.kind = kind, .inode = inode, .path = to});
  } else {
    const int number = errno;
    names.drop_kept(kept);
    errno = number;
  }
  return result;
}

void refuse_below(const std::string& path, const char* what) {
  Recorder* recorder = Recorder::instance();
  if (recorder != nullptr && recorder->is_below(path)) give_up(what);
}

using Kind = NameOperation::Kind;

}  // namespace
}  // namespace torc::power_loss

using namespace torc::power_loss;  // NOLINT(google-build-using-namespace): what follows are the C library's names

extern "C" {

// ---- contents ----

ssize_t write(int fd, const void* bytes, size_t count) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t)>("write");
  return recorded(
      fd, [&] { return position(fd); }, count, [&] { return next(fd, bytes, count); });
}

ssize_t writev(int fd, const iovec* parts, int count) {
  static const auto next = real<ssize_t (*)(int, const iovec*, int)>("writev");
  return recorded(
      fd, [&] { return position(fd); }, total_bytes(parts, count), [&] { return next(fd, parts, count); });
}

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t offset) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return recorded(
      fd, [&] { return static_cast<uint64_t>(offset); }, count, [&] { return next(fd, bytes, count, offset); });
}

ssize_t pwrite64(int fd, const void* bytes, size_t count, off_t offset) { return pwrite(fd, bytes, count, offset); }

ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  static const auto next = real<ssize_t (*)(int, const iovec*, int, off_t)>("pwritev");
  return recorded(
      fd, [&] { return static_cast<uint64_t>(offset); }, total_bytes(parts, count),
      [&] { return next(fd, parts, count, offset); });
}

ssize_t pwritev64(int fd, const iovec* parts, int count, off_t offset) { return pwritev(fd, parts, count, offset); }

ssize_t pwritev2(int fd, const iovec* parts, int count, off_t offset, int flags) {
  if (flags != 0) give_up("pwritev2 with flags is not covered");
  return pwritev(fd, parts, count, offset);
}

int ftruncate(int fd, off_t bytes) noexcept {
  return cut_off(fd, bytes, [&] { return real_ftruncate(fd, bytes); });
}

int ftruncate64(int fd, off_t bytes) noexcept { return ftruncate(fd, bytes); }

int truncate(const char* path, off_t bytes) noexcept {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  const int result = ftruncate(fd, bytes);
  close(fd);
  return result;
}

int truncate64(const char* path, off_t bytes) noexcept { return truncate(path, bytes); }

int fallocate(int fd, int mode, off_t offset, off_t bytes) {
  static const auto next = real<int (*)(int, int, off_t, off_t)>("fallocate");
  const auto allocate = [&] { return next(fd, mode, offset, bytes); };
  if (mode == FALLOC_FL_KEEP_SIZE) return allocate();  // changes nothing that can be read
  if ((mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) != 0) give_up("this fallocate is not covered");
  return recorded(
      fd, [&] { return static_cast<uint64_t>(offset); }, static_cast<uint64_t>(bytes), allocate);
}

int fallocate64(int fd, int mode, off_t offset, off_t bytes) { return fallocate(fd, mode, offset, bytes); }

int posix_fallocate(int fd, off_t offset, off_t bytes) {
  static const auto next = real<int (*)(int, off_t, off_t)>("posix_fallocate");
  return recorded(
      fd, [&] { return static_cast<uint64_t>(offset); }, static_cast<uint64_t>(bytes),
      [&] { return next(fd, offset, bytes); });
}

int posix_fallocate64(int fd, off_t offset, off_t bytes) { return posix_fallocate(fd, offset, bytes); }

void* mmap(void* address, size_t bytes, int protection, int flags, int fd, off_t offset) noexcept {
  static const auto next = real<void* (*)(void*, size_t, int, int, int, off_t)>("mmap");
  const bool can_write = (flags & MAP_SHARED) != 0 && (protection & PROT_WRITE) != 0 && fd >= 0;
  if (can_write) refuse_below(path_of_descriptor(fd), "writing through mmap is not covered");
  return next(address, bytes, protection, flags, fd, offset);
}

void* mmap64(void* address, size_t bytes, int protection, int flags, int fd, off_t offset) noexcept {
  return mmap(address, bytes, protection, flags, fd, offset);
}

ssize_t copy_file_range(int from, off_t* from_offset, int to, off_t* to_offset, size_t bytes, unsigned flags) {
  static const auto next = real<ssize_t (*)(int, off_t*, int, off_t*, size_t, unsigned)>("copy_file_range");
  refuse_below(path_of_descriptor(to), "copy_file_range is not covered");
  return next(from, from_offset, to, to_offset, bytes, flags);
}

ssize_t sendfile(int to, int from, off_t* offset, size_t bytes) noexcept {
  static const auto next = real<ssize_t (*)(int, int, off_t*, size_t)>("sendfile");
  refuse_below(path_of_descriptor(to), "sendfile is not covered");
  return next(to, from, offset, bytes);
}

ssize_t sendfile64(int to, int from, off_t* offset, size_t bytes) noexcept { return sendfile(to, from, offset, bytes); }

// ---- syncs; sync_file_range() is left alone: it promises nothing about metadata and the disk's cache ----

int fsync(int fd) {
  static const auto next = real<int (*)(int)>("fsync");
  Recorder* recorder = Recorder::instance();
  return recorder == nullptr ? next(fd) : recorder->sync(fd, next);
}

int fdatasync(int fd) {
  static const auto next = real<int (*)(int)>("fdatasync");
  Recorder* recorder = Recorder::instance();
  return recorder == nullptr ? next(fd) : recorder->sync(fd, next);
}

// ---- names ----

int openat(int directory_fd, const char* path, int flags, ...) {
  static const auto next = real<int (*)(int, const char*, int, ...)>("openat");
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_recorded(directory_fd, path, flags, [&] { return next(directory_fd, path, flags, mode); });
}

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return openat(AT_FDCWD, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return openat(AT_FDCWD, path, flags, mode);
}

int openat64(int directory_fd, const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return openat(directory_fd, path, flags, mode);
}

int creat(const char* path, mode_t mode) { return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

FILE* fopen(const char* path, const char* mode) {
  static const auto next = real<FILE* (*)(const char*, const char*)>("fopen");
  if (mode[0] != 'r' || std::char_traits<char>::find(mode, std::char_traits<char>::length(mode), '+') != nullptr) {
    refuse_below(absolute(AT_FDCWD, path), "writing through stdio is not covered");
  }
  return next(path, mode);
}

FILE* fopen64(const char* path, const char* mode) { return fopen(path, mode); }

int renameat(int from_fd, const char* from, int to_fd, const char* to) noexcept {
  static const auto next = real<int (*)(int, const char*, int, const char*)>("renameat");
  return move_name(Kind::kRename, absolute(from_fd, from), absolute(to_fd, to),
                   [&] { return next(from_fd, from, to_fd, to); });
}

int rename(const char* from, const char* to) noexcept { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int renameat2(int from_fd, const char* from, int to_fd, const char* to, unsigned flags) noexcept {
  if (flags != 0) give_up("renameat2 with flags is not covered");
  return renameat(from_fd, from, to_fd, to);
}

int linkat(int from_fd, const char* from, int to_fd, const char* to, int flags) noexcept {
  static const auto next = real<int (*)(int, const char*, int, const char*, int)>("linkat");
  return move_name(Kind::kLink, absolute(from_fd, from), absolute(to_fd, to),
                   [&] { return next(from_fd, from, to_fd, to, flags); });
}

int link(const char* from, const char* to) noexcept { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int directory_fd, const char* path, int flags) noexcept {
  static const auto next = real<int (*)(int, const char*, int)>("unlinkat");
  const Kind kind = (flags & AT_REMOVEDIR) != 0 ? Kind::kRmdir : Kind::kUnlink;
  return change_name(kind, directory_fd, path, [&] { return next(directory_fd, path, flags); });
}

int unlink(const char* path) noexcept { return unlinkat(AT_FDCWD, path, 0); }

int rmdir(const char* path) noexcept { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int remove(const char* path) noexcept {
  if (unlink(path) == 0) return 0;
  return errno == EISDIR ? rmdir(path) : -1;
}

int mkdirat(int directory_fd, const char* path, mode_t mode) noexcept {
  static const auto next = real<int (*)(int, const char*, mode_t)>("mkdirat");
  return change_name(Kind::kMkdir, directory_fd, path, [&] { return next(directory_fd, path, mode); });
}

int mkdir(const char* path, mode_t mode) noexcept { return mkdirat(AT_FDCWD, path, mode); }

int symlink(const char* target, const char* path) noexcept {
  static const auto next = real<int (*)(const char*, const char*)>("symlink");
  refuse_below(absolute(AT_FDCWD, path), "symlink is not covered");
  return next(target, path);
}

}  // extern "C"
