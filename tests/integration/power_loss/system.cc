#include "power_loss/system.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace torc::power_loss {

int real_open(const char* path, int flags, mode_t mode) {
  static const auto next = real<int (*)(const char*, int, ...)>("open");
  return next(path, flags | O_CLOEXEC, mode);
}

int real_ftruncate(int fd, off_t bytes) {
  static const auto next = real<int (*)(int, off_t)>("ftruncate");
  return next(fd, bytes);
}

int real_link(const char* from, const char* to) {
  static const auto next = real<int (*)(const char*, const char*)>("link");
  return next(from, to);
}

int real_unlink(const char* path) {
  static const auto next = real<int (*)(const char*)>("unlink");
  return next(path);
}

int real_mkdir(const char* path, mode_t mode) {
  static const auto next = real<int (*)(const char*, mode_t)>("mkdir");
  return next(path, mode);
}

void write_whole(int fd, const void* bytes, uint64_t count, uint64_t offset) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  const char* from = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t written = next(fd, from, count, static_cast<off_t>(offset));
    if (written <= 0) give_up("cannot keep what a write replaces");
    from += written;
    offset += static_cast<uint64_t>(written);
    count -= static_cast<uint64_t>(written);
  }
}

std::string path_of_descriptor(int fd) {
  std::array<char, PATH_MAX> target;
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
  return length > 0 ? std::string(target.data(), static_cast<size_t>(length)) : std::string();
}

std::string absolute(int directory_fd, const char* path) {
  std::filesystem::path whole(path);
  if (whole.is_relative()) {
    whole = directory_fd == AT_FDCWD ? std::filesystem::current_path() / whole
                                     : std::filesystem::path(path_of_descriptor(directory_fd)) / whole;
  }
  std::string text = whole.lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

void give_up(const char* what) {
  std::fprintf(stderr, "power loss: %s\n", what);
  std::abort();
}

}  // namespace torc::power_loss
