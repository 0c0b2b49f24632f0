#include "host/line_writer.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

namespace torc::host {
namespace {

/// False if the descriptor takes no more: closed, on a full disk, broken.
bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written > 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (written < 0 && errno == EAGAIN) {  // whoever shares the descriptor has made it non-blocking
      pollfd waited{fd, POLLOUT, 0};
      ::poll(&waited, 1, -1);
    } else if (written == 0 || errno != EINTR) {
      return false;
    }
  }
  return true;
}

std::string note_of(uint64_t lost_lines) { return "(" + std::to_string(lost_lines) + " lines lost)\n"; }

}  // namespace

struct LineWriter::Shared {
  Shared(int to, size_t bytes_max) : fd(to), queued_bytes_max(bytes_max) {}

  const int fd;
  const size_t queued_bytes_max;
  std::mutex mutex;
  std::condition_variable has_news;
  std::condition_variable is_idle;
  // all guarded by mutex
  std::string queued;
  uint64_t queued_lines = 0;
  uint64_t lost_lines = 0;
  bool is_writing = false;
  bool is_closing = false;
};

LineWriter::LineWriter(int fd, size_t queued_bytes_max) : shared_(std::make_shared<Shared>(fd, queued_bytes_max)) {
  std::thread([shared = shared_] { run(shared); }).detach();
}

LineWriter::~LineWriter() {
  flush(kPatienceAtEnd);
  const std::lock_guard lock(shared_->mutex);
  shared_->is_closing = true;
  shared_->has_news.notify_one();
}

void LineWriter::write(std::string line) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->queued.size() + line.size() > shared_->queued_bytes_max) {
    ++shared_->lost_lines;
    return;
  }
  shared_->queued += line;
  ++shared_->queued_lines;
  shared_->has_news.notify_one();
}

bool LineWriter::flush(std::chrono::milliseconds patience) {
  std::unique_lock lock(shared_->mutex);
  return shared_->is_idle.wait_for(lock, patience, [this] { return shared_->queued.empty() && !shared_->is_writing; });
}

void LineWriter::run(const std::shared_ptr<Shared>& shared) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->has_news.wait(lock, [&] { return !shared->queued.empty() || shared->is_closing; });
    if (shared->queued.empty()) return;
    const std::string bytes = std::exchange(shared->queued, {});
    const uint64_t lines = std::exchange(shared->queued_lines, 0);
    const uint64_t lost = std::exchange(shared->lost_lines, 0);
    shared->is_writing = true;
    lock.unlock();
    const bool is_written = write_all(shared->fd, bytes) && (lost == 0 || write_all(shared->fd, note_of(lost)));
    lock.lock();
    shared->is_writing = false;
    if (!is_written) shared->lost_lines += lines + lost;  // told of if it can be written to again
    if (shared->queued.empty()) shared->is_idle.notify_all();
  }
}

}  // namespace torc::host
