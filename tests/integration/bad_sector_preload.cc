// Preloaded into nodes (LD_PRELOAD), it makes every read of one file fail with EIO, as a bad sector does: of the file
// whose inode number stands in the file that TORC_BAD_SECTOR_OF names, while that exists.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace {

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

ino_t bad_inode() {
  static const char* const path = std::getenv("TORC_BAD_SECTOR_OF");
  static const auto read = real<ssize_t (*)(int, void*, size_t)>("read");
  const int fd = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[32] = {};
  const ssize_t got = read(fd, text, sizeof text - 1);
  ::close(fd);
  return got > 0 ? std::strtoul(text, nullptr, 10) : 0;
}

bool is_bad(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return false;
  return status.st_ino == bad_inode();
}

ssize_t fail() {
  errno = EIO;
  return -1;
}

}  // namespace

extern "C" {

ssize_t read(int fd, void* bytes, size_t count) {
  static const auto next = real<ssize_t (*)(int, void*, size_t)>("read");
  return is_bad(fd) ? fail() : next(fd, bytes, count);
}

ssize_t pread(int fd, void* bytes, size_t count, off_t offset) {
  static const auto next = real<ssize_t (*)(int, void*, size_t, off_t)>("pread");
  return is_bad(fd) ? fail() : next(fd, bytes, count, offset);
}

ssize_t pread64(int fd, void* bytes, size_t count, off_t offset) { return pread(fd, bytes, count, offset); }

}  // extern "C"
