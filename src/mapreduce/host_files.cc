#include "mapreduce/host_files.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace torc::mapreduce {
namespace {

Error system_error(const std::string& path, int number) {
  const std::string message = path + ": " + std::strerror(number);
  if (number == ENOENT || number == ENOTDIR) return Error{ErrorCode::kNotFound, message};
  if (number == EEXIST) return Error{ErrorCode::kInvalid, message};
  if (number == ENOSPC || number == EDQUOT) return Error{ErrorCode::kDiskFull, message};
  return Error{ErrorCode::kIo, message};
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

FileState state_of(const struct stat& found) {
  return FileState{
      static_cast<uint64_t>(found.st_size),
      static_cast<uint64_t>(found.st_mtim.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(found.st_mtim.tv_nsec),
      static_cast<uint64_t>(found.st_ino)};
}

class HostReadableFile final : public ReadableFile {
 public:
  HostReadableFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<size_t> read_at(uint64_t offset, char* to, size_t count) override {
    size_t done = 0;
    while (done < count) {
      const ssize_t got = ::pread(fd_.get(), to + done, count - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_error(path_, errno);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }
  Result<FileState> state() override {
    struct stat found {};
    if (::fstat(fd_.get(), &found) != 0) return system_error(path_, errno);
    return state_of(found);
  }

 private:
  Descriptor fd_;
  std::string path_;
};

class HostWritableFile final : public WritableFile {
 public:
  HostWritableFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Status append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = ::write(fd_.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return system_error(path_, errno);
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return {};
  }
  Status sync() override {
    if (::fdatasync(fd_.get()) == 0) return {};
    return system_error(path_, errno);
  }

 private:
  Descriptor fd_;
  std::string path_;
};

bool is_same_file(const std::string& a, const std::string& b) {
  struct stat of_a {};
  struct stat of_b {};
  return ::lstat(a.c_str(), &of_a) == 0 && ::lstat(b.c_str(), &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
         of_a.st_ino == of_b.st_ino;
}

/// For file systems that know no rename without replacing: a second name, then the first one goes. Who dies in between
/// leaves both, of one file.
Result<Moved> move_by_link(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) != 0) {
    if (errno == ENOENT) return Moved::kNoSource;
    if (errno != EEXIST) return system_error(to, errno);
    if (!is_same_file(from, to)) return Moved::kTargetExists;
  }
  if (::unlink(from.c_str()) != 0 && errno != ENOENT) return system_error(from, errno);
  return Moved::kYes;
}

Result<InputFile> input_file(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return system_error(path, errno);
  if (!S_ISREG(found.st_mode)) return Error{ErrorCode::kInvalid, path + " is no file; its end cannot be known"};
  if (::access(path.c_str(), R_OK) != 0) return system_error(path, errno);
  return InputFile{path, state_of(found)};
}

Result<std::vector<std::string>> files_in(const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code error;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    if (!name.starts_with('.') && at->is_regular_file()) paths.push_back(at->path());
  }
  if (error) return system_error(directory, error.value());
  std::sort(paths.begin(), paths.end());
  return paths;
}

Result<std::vector<std::string>> files_like(const std::string& pattern) {
  glob_t found{};
  const int status = ::glob(pattern.c_str(), 0, nullptr, &found);
  std::vector<std::string> paths;
  for (size_t i = 0; status == 0 && i < found.gl_pathc; ++i) {
    if (std::filesystem::is_regular_file(found.gl_pathv[i])) paths.emplace_back(found.gl_pathv[i]);
  }
  ::globfree(&found);
  if (status != 0 && status != GLOB_NOMATCH) return Error{ErrorCode::kIo, pattern + ": cannot be searched for"};
  if (paths.empty()) return Error{ErrorCode::kNotFound, pattern + ": there is no such file"};
  return paths;
}

}  // namespace

Result<std::vector<InputFile>> HostFiles::expand(const std::string& input) {
  struct stat found {};
  const bool exists = ::stat(input.c_str(), &found) == 0;
  Result<std::vector<std::string>> paths = exists && S_ISDIR(found.st_mode) ? files_in(input)
                                           : exists ? Result<std::vector<std::string>>(std::vector<std::string>{input})
                                                    : files_like(input);
  if (!paths) return paths.error();
  std::vector<InputFile> files;
  for (const std::string& path : *paths) {
    Result<InputFile> file = input_file(path);
    if (!file) return file.error();
    files.push_back(std::move(file).value());
  }
  return files;
}

Result<std::unique_ptr<ReadableFile>> HostFiles::open(const std::string& path) {
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return system_error(path, errno);
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return std::unique_ptr<ReadableFile>(std::make_unique<HostReadableFile>(std::move(fd), path));
}

Result<std::unique_ptr<WritableFile>> HostFiles::create(const std::string& path) {
  Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (fd.get() < 0) return system_error(path, errno);
  return std::unique_ptr<WritableFile>(std::make_unique<HostWritableFile>(std::move(fd), path));
}

Status HostFiles::sync_directory(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return system_error(path, errno);
  // Some network file systems cannot sync a directory; there a name is durable when it was made.
  if (::fsync(fd.get()) == 0 || errno == EINVAL) return {};
  return system_error(path, errno);
}

Result<Moved> HostFiles::move(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return Moved::kYes;
  switch (errno) {
    case EINVAL:
    case ENOSYS:
      return move_by_link(from, to);
    case EEXIST:
      // Perhaps move_by_link() ended half way.
      return is_same_file(from, to) ? move_by_link(from, to) : Result<Moved>(Moved::kTargetExists);
    case ENOENT:
      if (::access(from.c_str(), F_OK) != 0 && errno == ENOENT) return Moved::kNoSource;
      return system_error(to, ENOENT);
    default:
      return system_error(to, errno);
  }
}

Status HostFiles::remove(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return system_error(path, errno);
}

Status HostFiles::make_directory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return {};
  return system_error(path, error.value());
}

Status HostFiles::remove_tree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (!error) return {};
  return system_error(path, error.value());
}

}  // namespace torc::mapreduce
