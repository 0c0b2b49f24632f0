// Preloaded into nodes (LD_PRELOAD), it makes every sync of a process take longer while the file
// "<TORC_SLOW_SYNC_SWITCH>.<pid>" exists: by as many milliseconds as stand in it. A disk that is slow, or hangs.
#include <dlfcn.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

namespace {

void wait_as_told() {
  static const char* const prefix = std::getenv("TORC_SLOW_SYNC_SWITCH");
  if (prefix == nullptr) return;
  static const std::string path = std::string(prefix) + "." + std::to_string(::getpid());
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  char text[32] = {};
  const ssize_t got = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  const long ms = got > 0 ? std::strtol(text, nullptr, 10) : 0;
  timespec left{ms / 1000, ms % 1000 * 1'000'000};
  while (::nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int fsync(int fd) {
  static const auto next = real<int (*)(int)>("fsync");
  wait_as_told();
  return next(fd);
}

int fdatasync(int fd) {
  static const auto next = real<int (*)(int)>("fdatasync");
  wait_as_told();
  return next(fd);
}

}  // extern "C"
