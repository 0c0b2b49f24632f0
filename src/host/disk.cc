#include "host/disk.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "base/lifetime.h"
#include "host/batch_thread.h"
#include "host/posix_file.h"

namespace torc::host {
namespace {

constexpr std::string_view kLockName = "lock";
constexpr std::string_view kTemporarySuffix = ".tmp";

/// A file as its handle and its queued writes share it.
struct OpenFile {
  OpenFile(Descriptor open_descriptor, std::string open_path)
      : descriptor(std::move(open_descriptor)), path(std::move(open_path)) {}
  Descriptor descriptor;
  std::string path;
  bool sync_failed = false;  // disk thread only: nothing written later can be trusted either
};

struct WriteJob {
  std::shared_ptr<OpenFile> file;
  uint64_t offset = 0;
  std::vector<Bytes> chunks;
  bool sync = false;
  env::DiskCallback done;
  Status status;
};

struct PrepareJob {
  std::string path;
  uint64_t bytes = 0;
  env::DiskCallback done;
  Status status;
};

using WriteThread = BatchThread<WriteJob>;
using PrepareThread = BatchThread<PrepareJob>;

/// Brings results back to the loop: one post per batch, and none that outlives the disk.
class Completions {
 public:
  explicit Completions(EventLoop& loop) : loop_(loop) {}

  template <typename Job>
  void post(std::vector<Job>& batch) {
    std::vector<std::pair<env::DiskCallback, Status>> results;
    results.reserve(batch.size());
    for (Job& job : batch) results.emplace_back(std::move(job.done), std::move(job.status));
    loop_.post([watch = lifetime_.watch(), results = std::move(results)]() mutable {
      for (auto& [done, status] : results) {
        if (watch.is_over()) return;
        done(std::move(status));
      }
    });
  }

 private:
  EventLoop& loop_;
  Lifetime lifetime_;
};

/// Writes a batch in order. Neighbours that go to the same file share one sync.
void write_batch(std::vector<WriteJob>& batch) {
  for (size_t begin = 0; begin < batch.size();) {
    OpenFile& file = *batch[begin].file;
    size_t end = begin;
    bool wants_sync = false;
    for (; end < batch.size() && batch[end].file.get() == &file; ++end) {
      WriteJob& job = batch[end];
      if (file.sync_failed) {
        job.status = Error{ErrorCode::kIo, "refused to write " + file.path + ": an earlier sync failed"};
        continue;
      }
      job.status = write_at(file.descriptor, job.offset, job.chunks, file.path);
      wants_sync |= job.sync && job.status.ok();
    }
    if (wants_sync) {
      const Status synced = sync_file(file.descriptor, file.path);
      file.sync_failed = !synced.ok();
      for (size_t i = begin; i < end && !synced.ok(); ++i) {
        if (batch[i].status.ok()) batch[i].status = synced;
      }
    }
    begin = end;
  }
}

Status prepare_file(const std::string& directory, const PrepareJob& job) {
  const bool existed = access(job.path.c_str(), F_OK) == 0;
  const Result<Descriptor> file = open_file(job.path, O_RDWR | O_CREAT);
  if (!file) return file.error();
  Status filled = fill_with_zeros(*file, job.bytes, job.path);
  if (!filled.ok()) {
    if (!existed) unlink(job.path.c_str());
    return filled;
  }
  return sync_directory(directory);
}

class DiskFile final : public env::File {
 public:
  DiskFile(std::shared_ptr<OpenFile> file, WriteThread& thread) : file_(std::move(file)), thread_(thread) {}

  void write(uint64_t offset, std::vector<Bytes> chunks, bool sync, env::DiskCallback done) override {
    thread_.submit(WriteJob{file_, offset, std::move(chunks), sync, std::move(done), {}});
  }
  Result<std::string> read(uint64_t offset, size_t count) override {
    return read_at(file_->descriptor, offset, count, file_->path);
  }
  Result<uint64_t> size() override { return size_of(file_->descriptor, file_->path); }

 private:
  std::shared_ptr<OpenFile> file_;
  WriteThread& thread_;
};

bool has_suffix(std::string_view name, std::string_view suffix) {
  return name.size() >= suffix.size() && name.substr(name.size() - suffix.size()) == suffix;
}

Status check_name(const std::string& name) {
  const bool is_plain = !name.empty() && name.find('/') == std::string::npos && name[0] != '.' && name != kLockName &&
                        !has_suffix(name, kTemporarySuffix) && name.find('\0') == std::string::npos;
  if (is_plain) return {};
  return Error{ErrorCode::kInvalid, "not a name for a file of the data directory: \"" + name + "\""};
}

/// The lock lasts as long as the returned descriptor. Writes our pid into the file, for the next one's error message.
Result<Descriptor> lock_directory(const std::string& directory) {
  const std::string path = directory + "/" + std::string(kLockName);
  Result<Descriptor> lock = open_file(path, O_RDWR | O_CREAT);
  if (!lock) return lock;
  if (flock(lock->fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return errno_error(errno, "cannot lock", path);
    const Result<std::string> pid = read_at(*lock, 0, 20, path);
    return Error{ErrorCode::kUnavailable, "data directory " + directory + " is in use by another process" +
                                              (pid.ok() && !pid->empty() ? " (pid " + *pid + ")" : std::string())};
  }
  const std::string pid = std::to_string(getpid());
  if (ftruncate(lock->fd(), 0) == 0) {
    [[maybe_unused]] const Status only_informative = write_at(*lock, 0, {Bytes(pid)}, path);
  }
  return lock;
}

Result<std::vector<std::string>> regular_files(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->is_directory(error)) names.push_back(entry->path().filename().string());
  }
  if (error) return read_error(error.value(), "cannot list", directory);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

struct FileDisk::Parts {
  Parts(std::string path, Descriptor held_lock, EventLoop& loop)
      : directory(std::move(path)), lock(std::move(held_lock)), completions(loop) {}

  std::string path_of(const std::string& name) const { return directory + "/" + name; }
  std::unique_ptr<env::File> wrap(Descriptor descriptor, std::string path) {
    return std::make_unique<DiskFile>(std::make_shared<OpenFile>(std::move(descriptor), std::move(path)), writer);
  }

  const std::string directory;
  const Descriptor lock;
  Completions completions;
  WriteThread writer{[this](std::vector<WriteJob>& batch) {
    write_batch(batch);
    completions.post(batch);
  }};
  PrepareThread preparer{[this](std::vector<PrepareJob>& batch) {
    for (PrepareJob& job : batch) job.status = prepare_file(directory, job);
    completions.post(batch);
  }};
};

FileDisk::FileDisk(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
FileDisk::~FileDisk() = default;

Result<std::unique_ptr<FileDisk>> FileDisk::open(const std::string& directory, EventLoop& loop) {
  if (const Status made = make_directory(directory); !made.ok()) return made.error();
  Result<Descriptor> lock = lock_directory(directory);
  if (!lock) return lock.error();
  const Result<std::vector<std::string>> names = regular_files(directory);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (has_suffix(name, kTemporarySuffix)) unlink((directory + "/" + name).c_str());
  }
  return std::unique_ptr<FileDisk>(new FileDisk(std::make_unique<Parts>(directory, std::move(lock).value(), loop)));
}

Result<std::vector<std::string>> FileDisk::list() {
  Result<std::vector<std::string>> names = regular_files(parts_->directory);
  if (names.ok()) std::erase_if(*names, [](const std::string& name) { return !check_name(name).ok(); });
  return names;
}

Result<std::unique_ptr<env::File>> FileDisk::open(const std::string& name) {
  if (const Status checked = check_name(name); !checked.ok()) return checked.error();
  Result<Descriptor> file = open_file(parts_->path_of(name), O_RDWR);
  if (!file) return file.error();
  return parts_->wrap(std::move(file).value(), parts_->path_of(name));
}

void FileDisk::prepare(const std::string& name, uint64_t bytes, env::DiskCallback done) {
  std::vector<PrepareJob> jobs(1);
  jobs[0] = PrepareJob{parts_->path_of(name), bytes, std::move(done), check_name(name)};
  if (!jobs[0].status.ok()) return parts_->completions.post(jobs);
  parts_->preparer.submit(std::move(jobs[0]));
}

Result<std::unique_ptr<env::File>> FileDisk::create(const std::string& name) {
  if (const Status checked = check_name(name); !checked.ok()) return checked.error();
  Result<Descriptor> file = open_file(parts_->path_of(name), O_RDWR | O_CREAT | O_EXCL);
  if (!file) return file.error();
  if (const Status synced = sync_directory(parts_->directory); !synced.ok()) return synced.error();
  return parts_->wrap(std::move(file).value(), parts_->path_of(name));
}

Status FileDisk::replace(const std::string& name, std::string_view contents) {
  if (const Status checked = check_name(name); !checked.ok()) return checked;
  const std::string path = parts_->path_of(name);
  const std::string temporary = path + std::string(kTemporarySuffix);
  const Result<Descriptor> file = open_file(temporary, O_RDWR | O_CREAT | O_TRUNC);
  if (!file) return file.error();
  Status written = write_at(*file, 0, {Bytes::copy_of(contents)}, temporary);
  if (written.ok()) written = sync_file(*file, temporary);
  if (written.ok() && rename(temporary.c_str(), path.c_str()) != 0)
    written = errno_error(errno, "cannot rename", temporary);
  if (!written.ok()) {
    unlink(temporary.c_str());
    return written;
  }
  return sync_directory(parts_->directory);
}

Result<std::string> FileDisk::read_all(const std::string& name) {
  if (const Status checked = check_name(name); !checked.ok()) return checked.error();
  const Result<Descriptor> file = open_file(parts_->path_of(name), O_RDONLY);
  if (!file) return file.error();
  return read_at(*file, 0, SIZE_MAX, parts_->path_of(name));
}

Status FileDisk::remove(const std::string& name) {
  if (const Status checked = check_name(name); !checked.ok()) return checked;
  if (unlink(parts_->path_of(name).c_str()) == 0) return {};
  return errno_error(errno, "cannot remove", parts_->path_of(name));
}

}  // namespace torc::host
