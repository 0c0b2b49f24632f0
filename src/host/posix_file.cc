#include "host/posix_file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace torc::host {
namespace {

constexpr size_t kZeroPieceBytes = 1u << 20;
constexpr uint64_t kZeroBytesPerSync = 4u << 20;

std::string parent_of(const std::string& path) {
  std::filesystem::path normal = std::filesystem::path(path).lexically_normal();
  if (!normal.has_filename()) normal = normal.parent_path();  // it ended in a slash
  const std::string parent = normal.parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

Error errno_error(int number, std::string_view doing, const std::string& path) {
  ErrorCode code = ErrorCode::kIo;
  if (number == ENOSPC || number == EDQUOT) code = ErrorCode::kDiskFull;
  if (number == ENOENT) code = ErrorCode::kNotFound;
  return Error{code, std::string(doing) + " " + path + ": " + std::generic_category().message(number)};
}

Error read_error(int number, std::string_view doing, const std::string& path) {
  Error error = errno_error(number, doing, path);
  if (number == EIO || number == EUCLEAN || number == EBADMSG) error.code = ErrorCode::kCorrupt;
  return error;
}

Result<Descriptor> open_file(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (fd < 0) return read_error(errno, "cannot open", path);
  return Descriptor(fd);
}

Status write_at(const Descriptor& file, uint64_t offset, const std::vector<Bytes>& chunks, const std::string& path) {
  std::array<iovec, IOV_MAX> pieces;
  size_t chunk = 0;
  size_t skip = 0;  // bytes of chunks[chunk] already written
  while (true) {
    int count = 0;
    for (size_t i = chunk, from = skip; i < chunks.size() && count < IOV_MAX; ++i, from = 0) {
      const std::string_view rest = chunks[i].view().substr(from);
      if (!rest.empty()) pieces[static_cast<size_t>(count++)] = {const_cast<char*>(rest.data()), rest.size()};
    }
    if (count == 0) return {};
    const ssize_t written = pwritev(file.fd(), pieces.data(), count, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno_error(errno, "cannot write", path);
    if (written == 0) return errno_error(EIO, "cannot write", path);
    offset += static_cast<uint64_t>(written);
    skip += static_cast<size_t>(written);
    while (chunk < chunks.size() && skip >= chunks[chunk].size()) skip -= chunks[chunk++].size();
  }
}

Status fill_with_zeros(const Descriptor& file, uint64_t bytes, const std::string& path) {
  const Result<uint64_t> old_size = size_of(file, path);
  if (!old_size) return old_size.error();
  const Bytes zeros(std::string(kZeroPieceBytes, '\0'));
  uint64_t unsynced = 0;
  for (uint64_t at = *old_size; at < bytes;) {
    const size_t piece = std::min<uint64_t>(kZeroPieceBytes, bytes - at);
    Status status = write_at(file, at, {zeros.slice(0, piece)}, path);
    at += piece;
    unsynced += piece;
    if (status.ok() && (unsynced >= kZeroBytesPerSync || at == bytes)) {
      status = sync_file(file, path);
      unsynced = 0;
    }
    if (!status.ok()) {
      // The space goes back; that this may fail as well changes nothing: the next attempt goes on from what is there.
      [[maybe_unused]] const int ignored = ftruncate(file.fd(), static_cast<off_t>(*old_size));
      return status;
    }
  }
  return {};
}

Status sync_file(const Descriptor& file, const std::string& path) {
  if (fdatasync(file.fd()) == 0) return {};
  Error error = errno_error(errno, "cannot sync", path);
  error.code = ErrorCode::kIo;  // even for ENOSPC: what was written before is in doubt, which no free space repairs
  return error;
}

Status sync_directory(const std::string& path) {
  const Result<Descriptor> directory = open_file(path, O_RDONLY | O_DIRECTORY);
  if (!directory) return directory.error();
  if (fsync(directory->fd()) == 0) return {};
  return errno_error(errno, "cannot sync directory", path);
}

Status make_directory(const std::string& path) {
  const bool is_new = mkdir(path.c_str(), 0755) == 0;
  if (!is_new && errno != EEXIST) return errno_error(errno, "cannot create directory", path);
  const std::string parent = parent_of(path);
  // Whoever may not even read the parent did not make the directory: an operator did, long ago.
  if (!is_new && access(parent.c_str(), R_OK) != 0) return {};
  return sync_directory(parent);
}

Status make_directories(const std::string& path) {
  std::vector<std::string> missing;
  for (std::string at = path; access(at.c_str(), F_OK) != 0 && at != parent_of(at); at = parent_of(at)) {
    missing.push_back(at);
  }
  for (; !missing.empty(); missing.pop_back()) {
    if (Status made = make_directory(missing.back()); !made.ok()) return made;
  }
  return make_directory(path);
}

Result<uint64_t> size_of(const Descriptor& file, const std::string& path) {
  struct stat status;
  if (fstat(file.fd(), &status) != 0) return read_error(errno, "cannot examine", path);
  return static_cast<uint64_t>(status.st_size);
}

Result<std::string> read_at(const Descriptor& file, uint64_t offset, size_t count, const std::string& path) {
  const Result<uint64_t> size = size_of(file, path);
  if (!size) return size.error();
  std::string bytes(offset < *size ? std::min<uint64_t>(count, *size - offset) : 0, '\0');
  size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t n = pread(file.fd(), bytes.data() + got, bytes.size() - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return read_error(errno, "cannot read", path);
    if (n == 0) break;  // it became shorter meanwhile
    got += static_cast<size_t>(n);
  }
  bytes.resize(got);
  return bytes;
}

}  // namespace torc::host
