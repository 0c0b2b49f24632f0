// Preloaded into nodes (LD_PRELOAD), it makes every sync of a process fail with EIO once the file
// "<TORC_FAILING_SYNC_SWITCH>.<pid>" exists: a disk that takes writes and then says that it lost them.
#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

namespace {

bool is_switched_on() {
  static const char* const prefix = std::getenv("TORC_FAILING_SYNC_SWITCH");
  if (prefix == nullptr) return false;
  static const std::string path = std::string(prefix) + "." + std::to_string(::getpid());
  return ::access(path.c_str(), F_OK) == 0;
}

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

int fail() {
  errno = EIO;
  return -1;
}

}  // namespace

extern "C" {

int fsync(int fd) {
  static const auto next = real<int (*)(int)>("fsync");
  return is_switched_on() ? fail() : next(fd);
}

int fdatasync(int fd) {
  static const auto next = real<int (*)(int)>("fdatasync");
  return is_switched_on() ? fail() : next(fd);
}

}  // extern "C"
