// The system calls of files, with their interruptions, short counts and error numbers dealt with. All of it blocks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace torc::host {

/// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  int fd() const { return fd_; }

 private:
  int fd_;
};

/// "<doing> <path>: <reason>". ENOSPC and EDQUOT are kDiskFull, ENOENT is kNotFound, everything else is kIo.
Error errno_error(int number, std::string_view doing, const std::string& path);
/// The same, of what reads: a sector or a file system that the device cannot read any more is damage, kCorrupt.
Error read_error(int number, std::string_view doing, const std::string& path);

/// open(2) with O_CLOEXEC; new files get mode 0644.
Result<Descriptor> open_file(const std::string& path, int flags);
/// Writes `chunks` one after the other from `offset`.
Status write_at(const Descriptor& file, uint64_t offset, const std::vector<Bytes>& chunks, const std::string& path);
/// Appends zeros until the file has `bytes`; in pieces that are synced, so that a later sync of other files does not
/// wait behind all of it. Does not shrink. On failure the file has its old size again.
Status fill_with_zeros(const Descriptor& file, uint64_t bytes, const std::string& path);
Status sync_file(const Descriptor& file, const std::string& path);
Status sync_directory(const std::string& path);
/// Makes the directory unless it is there. Its name is durable then, in either case: whoever made it may have died
/// before the sync, and without its name nothing in it survives a power loss.
Status make_directory(const std::string& path);
/// The same, with every directory above it that is missing.
Status make_directories(const std::string& path);
Result<uint64_t> size_of(const Descriptor& file, const std::string& path);
/// Up to `count` bytes, fewer at the end of the file. Allocates no more than the file holds.
Result<std::string> read_at(const Descriptor& file, uint64_t offset, size_t count, const std::string& path);

}  // namespace torc::host
