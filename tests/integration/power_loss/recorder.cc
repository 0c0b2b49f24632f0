#include "power_loss/recorder.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "power_loss/system.h"

namespace torc::power_loss {
namespace {

constexpr std::chrono::milliseconds kLate{50};
constexpr size_t kIdleJournalsMax = 64;  // each holds two descriptors

uint64_t size_of(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
}

Lies lies_from_environment() {
  const char* text = std::getenv("TORC_POWER_LOSS_LIE");
  const std::string lie = text == nullptr ? "" : text;
  Lies lies;
  lies.data_syncs_do_nothing = lie == "data";
  lies.directory_syncs_do_nothing = lie == "directories";
  if (lie == "late") lies.data_syncs_come_late = kLate;
  return lies;
}

}  // namespace

// ---- pages ----

PageJournal::PageJournal(std::string path, int fd)
    : fd_(real_open(path.c_str(), O_RDWR | O_CREAT, 0644)),
      file_fd_(real_open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY)) {
  if (fd_ < 0 || file_fd_ < 0) give_up("cannot open the journal of a file");
  end_ = std::max(size_of(fd_), kPagesBegin);
  if (::pread(fd_, &begin_, sizeof begin_, 0) != sizeof begin_ || begin_ < kPagesBegin || begin_ > end_) {
    begin_ = kPagesBegin;
  }
}

PageJournal::~PageJournal() {
  ::close(fd_);
  ::close(file_fd_);
}

void PageJournal::save(uint64_t offset, uint64_t bytes) {
  PageRecord record;
  record.size_before = size_of(file_fd_);
  record.first_page = offset / kPageBytes;
  const uint64_t pages_before = (record.size_before + kPageBytes - 1) / kPageBytes;
  const uint64_t pages_end = std::min((offset + bytes + kPageBytes - 1) / kPageBytes, pages_before);
  record.page_count = pages_end > record.first_page ? pages_end - record.first_page : 0;
  std::string pages(record.page_count * kPageBytes, '\0');
  for (size_t got = 0; got < pages.size();) {
    const ssize_t read = ::pread(file_fd_, pages.data() + got, pages.size() - got,
                                 static_cast<off_t>(record.first_page * kPageBytes + got));
    if (read < 0) give_up("cannot read what a write replaces");
    if (read == 0) break;  // the last page is not whole
    got += static_cast<size_t>(read);
  }
  append(record, pages);
}

void PageJournal::settle(uint64_t offset, uint64_t bytes) {
  PageRecord record;
  record.kind = PageRecord::Kind::kSettled;
  record.size_before = size_of(file_fd_);
  record.first_page = offset / kPageBytes;
  record.page_count = (offset + bytes + kPageBytes - 1) / kPageBytes - record.first_page;
  append(record, "");
}

void PageJournal::append(const PageRecord& record, const std::string& pages) {
  if (end_ == kPagesBegin) write_whole(fd_, &begin_, sizeof begin_, 0);
  std::string bytes(reinterpret_cast<const char*>(&record), sizeof record);
  bytes += pages;
  write_whole(fd_, bytes.data(), bytes.size(), end_);
  end_ += bytes.size();
}

uint64_t PageJournal::position() {
  const std::lock_guard lock(mutex_);
  return dropped_ + end_;
}

void PageJournal::synced_through(uint64_t position) {
  const std::lock_guard lock(mutex_);
  if (position < dropped_ + begin_) return;  // a later sync was faster
  if (position < dropped_ + end_) {
    begin_ = position - dropped_;
    write_whole(fd_, &begin_, sizeof begin_, 0);
    return;
  }
  // First the records, then where they begin: what lies between the two means "nothing is unsynced" either way.
  if (end_ == kPagesBegin) return;
  if (real_ftruncate(fd_, kPagesBegin) != 0) give_up("cannot forget what was synced");
  dropped_ += end_ - kPagesBegin;
  begin_ = end_ = kPagesBegin;
  write_whole(fd_, &begin_, sizeof begin_, 0);
}

bool PageJournal::is_clean() {
  const std::lock_guard lock(mutex_);
  return begin_ == end_;
}

// ---- names ----

NameJournal::NameJournal(std::string root) : root_(std::move(root)) {
  const std::string path = names_path(root_);
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  for (NameOperation& operation : decode_names(text)) {
    last_number_ = std::max(last_number_, operation.number);
    last_kept_ = std::max(last_kept_, operation.kept);
    if (!operation.is_durable()) pending_.push_back(std::move(operation));
  }
  fd_ = real_open(path.c_str(), O_RDWR | O_CREAT, 0644);
  if (fd_ < 0) give_up("cannot open the journal of names");
  end_ = text.size();
  if (!text.empty() && text.back() != '\n') write_whole(fd_, "\n", 1, end_++);  // of a life that was cut off
}

uint64_t NameJournal::keep(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return 0;
  const std::string kept = kept_path(root_, ++last_kept_);
  real_unlink(kept.c_str());  // of a life that ended before it noted it
  if (real_link(path.c_str(), kept.c_str()) != 0) give_up("cannot keep a file that is removed");
  return last_kept_;
}

void NameJournal::drop_kept(uint64_t kept) {
  if (kept != 0) real_unlink(kept_path(root_, kept).c_str());
}

void NameJournal::note(NameOperation operation) {
  operation.number = ++last_number_;
  const std::string line = encode(operation);
  write_whole(fd_, line.data(), line.size(), end_);
  end_ += line.size();
  pending_.push_back(std::move(operation));
}

uint64_t NameJournal::position() {
  const std::lock_guard lock(mutex_);
  return last_number_;
}

void NameJournal::directory_synced(const std::string& directory, uint64_t through) {
  const std::lock_guard lock(mutex_);
  std::vector<uint64_t> not_needed;
  for (NameOperation& operation : pending_) {
    if (operation.number <= through) operation.directory_synced(directory);
    if (operation.is_durable()) not_needed.push_back(operation.kept);
  }
  std::erase_if(pending_, [](const NameOperation& operation) { return operation.is_durable(); });
  if (pending_.empty()) {
    if (real_ftruncate(fd_, 0) != 0) give_up("cannot forget what was synced");
    end_ = 0;
  } else {
    const std::string line = encode_directory_sync(directory, through);
    write_whole(fd_, line.data(), line.size(), end_);
    end_ += line.size();
  }
  // Last: until the journal says so, a process that is killed here may still need them.
  for (const uint64_t kept : not_needed) drop_kept(kept);
}

// ---- both ----

Recorder* Recorder::instance() {
  static Recorder* const recorder = [] {
    const char* root = std::getenv("TORC_POWER_LOSS_ROOT");
    if (root == nullptr) return static_cast<Recorder*>(nullptr);
    real_mkdir(state_directory(root).c_str(), 0755);
    const char* die_at = std::getenv("TORC_POWER_LOSS_DIE_AT");
    // Lives as long as anything may write.
    return new Recorder(root, lies_from_environment(), die_at == nullptr ? 0 : std::strtoull(die_at, nullptr, 10));
  }();
  return recorder;
}

Recorder::Recorder(std::string root, Lies lies, uint64_t die_at)
    : root_(std::move(root)), lies_(lies), die_at_(die_at), names_(root_) {
  if (lies_.data_syncs_come_late.count() > 0) std::thread([this] { count_late_syncs(); }).detach();
}

void Recorder::step() {
  if (++steps_ != die_at_) return;
  ::kill(::getpid(), SIGKILL);
  ::pause();  // the other threads may run on for a moment
}

std::shared_ptr<PageJournal> Recorder::pages_of(int fd, bool is_needed) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return nullptr;
  const std::lock_guard lock(mutex_);
  const auto found = pages_.find(status.st_ino);
  if (found != pages_.end()) return found->second;
  const std::string path = pages_path(root_, status.st_ino);
  // A sync may have to cover what a former life wrote.
  if (!is_needed && ::access(path.c_str(), F_OK) != 0) return nullptr;
  if (!is_below(path_of_descriptor(fd))) return nullptr;
  if (pages_.size() >= kIdleJournalsMax) {
    std::erase_if(pages_, [](const auto& held) { return held.second.use_count() == 1 && held.second->is_clean(); });
  }
  return pages_.emplace(status.st_ino, std::make_shared<PageJournal>(path, fd)).first->second;
}

void Recorder::forget_pages(uint64_t inode) {
  const std::lock_guard lock(mutex_);
  pages_.erase(inode);
  real_unlink(pages_path(root_, inode).c_str());
}

int Recorder::sync(int fd, int (*next)(int)) {
  struct stat status {};
  if (::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) return sync_directory(fd, next);
  const std::shared_ptr<PageJournal> pages = pages_of(fd, false);
  if (!pages) return next(fd);
  step();
  if (lies_.data_syncs_do_nothing) return 0;
  const uint64_t position = pages->position();
  if (lies_.data_syncs_come_late.count() > 0) {
    count_late(pages, position);
    return 0;
  }
  const int result = next(fd);
  if (result == 0) pages->synced_through(position);
  return result;
}

int Recorder::sync_directory(int fd, int (*next)(int)) {
  const std::string path = path_of_descriptor(fd);
  if (!is_below(path) && path != parent_of(root_)) return next(fd);
  step();
  if (lies_.directory_syncs_do_nothing) return 0;
  const uint64_t position = names_.position();
  const int result = next(fd);
  if (result == 0) names_.directory_synced(path, position);
  return result;
}

void Recorder::count_late(std::shared_ptr<PageJournal> pages, uint64_t position) {
  const std::lock_guard lock(mutex_);
  late_.push_back({std::chrono::steady_clock::now() + lies_.data_syncs_come_late, std::move(pages), position});
  late_wake_.notify_one();
}

void Recorder::count_late_syncs() {
  std::unique_lock lock(mutex_);
  while (true) {
    late_wake_.wait(lock, [this] { return !late_.empty(); });
    const LateSync next = late_.front();
    late_.pop_front();
    lock.unlock();
    std::this_thread::sleep_until(next.at);
    next.pages->synced_through(next.position);
    lock.lock();
  }
}

}  // namespace torc::power_loss
