// The system calls as the preloaded library itself makes them: past the functions that it puts in front of them.
#pragma once

#include <dlfcn.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <string>

namespace torc::power_loss {

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

int real_open(const char* path, int flags, mode_t mode = 0);
int real_ftruncate(int fd, off_t bytes);
int real_link(const char* from, const char* to);
int real_unlink(const char* path);
int real_mkdir(const char* path, mode_t mode);

/// All of it, or the process ends: a state with a gap would make the test lie.
void write_whole(int fd, const void* bytes, uint64_t count, uint64_t offset);

/// Where an open file stands; empty if that cannot be told.
std::string path_of_descriptor(int fd);
/// Absolute, without ".", ".." and double slashes.
std::string absolute(int directory_fd, const char* path);

/// For what the library does not cover: a silent gap would let a missing sync pass.
[[noreturn]] void give_up(const char* what);

}  // namespace torc::power_loss
