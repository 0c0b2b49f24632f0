// Preloaded into a node (LD_PRELOAD), it makes the disk look full while the file named by TORC_FULL_DISK_SWITCH exists:
// whatever needs more room in a regular file fails with ENOSPC, whatever overwrites allocated bytes works, and a file
// that is removed leaves its room to the process that removed it, as on a real disk of its own. Unlike a small mounted
// file system it needs no privilege.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>

namespace {

constexpr off_t kBlockBytes = 512;  // the unit of st_blocks, whatever the file system

bool is_switched_on() {
  static const char* const path = std::getenv("TORC_FULL_DISK_SWITCH");
  return path != nullptr && ::access(path, F_OK) == 0;
}

/// Of files that were removed since the disk became full.
std::atomic<off_t> room_bytes{0};

/// What writing so many bytes up to `end` takes, if only roughly. Standard streams are exempt: they are the log a
/// person reads.
off_t growth(int fd, off_t end, off_t bytes) {
  struct stat status {};
  if (fd <= STDERR_FILENO || ::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return 0;
  const bool has_holes = status.st_blocks * kBlockBytes < status.st_size;
  return has_holes ? bytes : std::max<off_t>(end - status.st_size, 0);
}

bool takes_room(off_t bytes) {
  off_t room = room_bytes.load();
  while (room >= bytes) {
    if (room_bytes.compare_exchange_weak(room, room - bytes)) return true;
  }
  return false;
}

/// Before its last name goes.
off_t bytes_of_last_link(const char* path) {
  struct stat status {};
  const bool is_last = ::lstat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 1;
  return is_last ? status.st_blocks * kBlockBytes : 0;
}

off_t position(int fd) {
  struct stat status {};
  const bool appends = (::fcntl(fd, F_GETFL) & O_APPEND) != 0;
  if (appends && ::fstat(fd, &status) == 0) return status.st_size;
  return ::lseek(fd, 0, SEEK_CUR);
}

off_t total_bytes(const iovec* parts, int count) {
  off_t total = 0;
  for (int i = 0; i < count; ++i) total += static_cast<off_t>(parts[i].iov_len);
  return total;
}

bool refuses(int fd, off_t begin, off_t bytes) {
  if (!is_switched_on()) {
    room_bytes = 0;
    return false;
  }
  const off_t needed = growth(fd, begin + bytes, bytes);
  if (needed == 0 || takes_room(needed)) return false;
  errno = ENOSPC;
  return true;
}

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t count) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t)>("write");
  return refuses(fd, position(fd), static_cast<off_t>(count)) ? -1 : next(fd, bytes, count);
}

ssize_t writev(int fd, const iovec* parts, int count) {
  static const auto next = real<ssize_t (*)(int, const iovec*, int)>("writev");
  return refuses(fd, position(fd), total_bytes(parts, count)) ? -1 : next(fd, parts, count);
}

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t offset) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  return refuses(fd, offset, static_cast<off_t>(count)) ? -1 : next(fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void* bytes, size_t count, off_t offset) { return pwrite(fd, bytes, count, offset); }

ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  static const auto next = real<ssize_t (*)(int, const iovec*, int, off_t)>("pwritev");
  return refuses(fd, offset, total_bytes(parts, count)) ? -1 : next(fd, parts, count, offset);
}

ssize_t pwritev64(int fd, const iovec* parts, int count, off_t offset) { return pwritev(fd, parts, count, offset); }

int fallocate(int fd, int mode, off_t offset, off_t bytes) {
  static const auto next = real<int (*)(int, int, off_t, off_t)>("fallocate");
  return refuses(fd, offset, bytes) ? -1 : next(fd, mode, offset, bytes);
}

int fallocate64(int fd, int mode, off_t offset, off_t bytes) { return fallocate(fd, mode, offset, bytes); }

int posix_fallocate(int fd, off_t offset, off_t bytes) {
  static const auto next = real<int (*)(int, off_t, off_t)>("posix_fallocate");
  return refuses(fd, offset, bytes) ? ENOSPC : next(fd, offset, bytes);
}

int unlink(const char* path) {
  static const auto next = real<int (*)(const char*)>("unlink");
  const off_t freed = is_switched_on() ? bytes_of_last_link(path) : 0;
  const int result = next(path);
  if (result == 0) room_bytes += freed;
  return result;
}

int posix_fallocate64(int fd, off_t offset, off_t bytes) { return posix_fallocate(fd, offset, bytes); }

}  // extern "C"
