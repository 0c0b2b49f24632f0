// Asio owns the blocking wait, its wake-up from other threads, the timer behind it and the signals. The sockets of
// clients and peers are in an epoll set of our own whose descriptor Asio watches (docs/decisions/0002-event-loop.md):
// while there is work a turn costs one epoll_wait and nothing per socket.
#include "host/event_loop.h"

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
#include <csignal>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"

namespace torc::host {
namespace {

namespace asio = boost::asio;

/// Ready descriptors handled in one turn: bounds how long posted work and timers wait behind sockets.
constexpr int kEventsPerTurnMax = 256;
/// While the loop never blocks, Asio (signals) is still looked at once in this many turns.
constexpr unsigned kTurnsPerAsioPoll = 64;

int64_t clock_ns(clockid_t id) {
  timespec t;
  CHECK(clock_gettime(id, &t) == 0);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

/// The clock Asio measures our deadlines by.
struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static time_point now() { return time_point(duration(clock_ns(CLOCK_BOOTTIME))); }
};

/// The timers of the loop, by deadline. Setting one costs no system call: only the earliest is shown to Asio, and only
/// before the loop blocks.
class LoopClock final : public env::Clock {
 public:
  Instant now() const override { return Instant{clock_ns(CLOCK_BOOTTIME)}; }
  WallMs wall_now() const override { return WallMs{clock_ns(CLOCK_REALTIME) / 1'000'000}; }

  env::TimerId call_at(Instant when, std::function<void()> callback) override {
    const env::TimerId id = next_id_++;
    callbacks_.emplace(std::pair(when, id), std::move(callback));
    deadlines_.emplace(id, when);
    return id;
  }

  void cancel(env::TimerId timer) override {
    const auto found = deadlines_.find(timer);
    if (found == deadlines_.end()) return;
    callbacks_.erase(std::pair(found->second, timer));
    deadlines_.erase(found);
  }

  Instant earliest() const { return callbacks_.empty() ? Instant::never() : callbacks_.begin()->first.first; }

  /// Runs what is due, and nothing that the callbacks add. Returns whether anything ran.
  bool run_due() {
    if (callbacks_.empty()) return false;
    const Instant time = now();
    due_.clear();
    for (const auto& [key, callback] : callbacks_) {
      if (key.first > time) break;
      due_.push_back(key);
    }
    for (const auto& key : due_) {
      const auto found = callbacks_.find(key);
      if (found == callbacks_.end()) continue;  // cancelled by an earlier callback of this turn
      const std::function<void()> callback = std::move(found->second);
      callbacks_.erase(found);
      deadlines_.erase(key.second);
      callback();
    }
    return !due_.empty();
  }

 private:
  env::TimerId next_id_ = 1;
  std::map<std::pair<Instant, env::TimerId>, std::function<void()>> callbacks_;
  std::unordered_map<env::TimerId, Instant> deadlines_;
  std::vector<std::pair<Instant, env::TimerId>> due_;
};

/// Work from other threads. A post costs a system call only while the loop is blocked.
class PostQueue {
 public:
  explicit PostQueue(asio::io_context& io) : io_(io) {}

  void post(std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      queued_.push_back(std::move(work));
    }
    has_queued_.store(true);
    if (is_loop_blocked_.exchange(false)) asio::post(io_, [] {});  // run_one() returns
  }

  /// Announces that the loop is about to block. False if there is work after all. Sequentially consistent on both
  /// sides: either the poster sees the announcement or the loop sees the work.
  bool prepare_to_block() {
    is_loop_blocked_.store(true);
    if (!has_queued_.load()) return true;
    is_loop_blocked_.store(false);
    return false;
  }
  void woke_up() { is_loop_blocked_.store(false); }

  /// Runs what was queued, and nothing that it posts. Returns whether anything ran.
  bool run_queued() {
    if (!has_queued_.load()) return false;
    {
      const std::lock_guard lock(mutex_);
      has_queued_.store(false);
      running_.swap(queued_);
    }
    for (std::function<void()>& work : running_) std::exchange(work, nullptr)();
    const bool any = !running_.empty();
    running_.clear();
    return any;
  }

 private:
  asio::io_context& io_;
  std::mutex mutex_;
  std::vector<std::function<void()>> queued_;  // guarded by mutex_
  std::vector<std::function<void()>> running_;
  std::atomic<bool> has_queued_ = false;
  std::atomic<bool> is_loop_blocked_ = false;
};

/// The descriptors being watched. An event carries the generation of the registration it belongs to, so that one that
/// was fetched before an unwatch() is not delivered, even if the number was reused since.
class WatchSet {
 public:
  WatchSet() : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)) { CHECK(epoll_fd_ >= 0) << "epoll_create1: errno " << errno; }
  ~WatchSet() { close(epoll_fd_); }
  WatchSet(const WatchSet&) = delete;
  WatchSet& operator=(const WatchSet&) = delete;

  int fd() const { return epoll_fd_; }

  void watch(int fd, Watcher* watcher, bool want_read, bool want_write) {
    CHECK(fd >= 0 && watcher != nullptr);
    if (static_cast<size_t>(fd) >= slots_.size()) slots_.resize(static_cast<size_t>(fd) + 1);
    Slot& slot = slots_[static_cast<size_t>(fd)];
    CHECK(slot.watcher == nullptr) << "fd " << fd << " is watched already";
    slot.watcher = watcher;
    slot.events = events_of(want_read, want_write);
    control(EPOLL_CTL_ADD, fd, slot);
  }

  void update(int fd, bool want_read, bool want_write) {
    Slot& slot = watched(fd);
    const uint32_t events = events_of(want_read, want_write);
    if (events == slot.events) return;
    slot.events = events;
    control(EPOLL_CTL_MOD, fd, slot);
  }

  void unwatch(int fd) {
    Slot& slot = watched(fd);
    control(EPOLL_CTL_DEL, fd, slot);
    slot.watcher = nullptr;
    ++slot.generation;
  }

  /// Delivers what is ready now, at most kEventsPerTurnMax. Returns whether anything was.
  bool deliver_ready() {
    const int count = epoll_wait(epoll_fd_, ready_.data(), kEventsPerTurnMax, 0);
    CHECK(count >= 0 || errno == EINTR) << "epoll_wait: errno " << errno;
    for (int i = 0; i < count; ++i) {
      const uint64_t tag = ready_[static_cast<size_t>(i)].data.u64;
      const uint32_t events = ready_[static_cast<size_t>(i)].events;
      const Slot& slot = slots_[tag & 0xffffffffu];
      if (slot.watcher == nullptr || slot.generation != tag >> 32) continue;
      slot.watcher->on_ready((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0, (events & EPOLLOUT) != 0);
    }
    return count > 0;
  }

 private:
  struct Slot {
    Watcher* watcher = nullptr;
    uint32_t generation = 0;
    uint32_t events = 0;
  };

  static uint32_t events_of(bool want_read, bool want_write) {
    return (want_read ? uint32_t{EPOLLIN | EPOLLRDHUP} : 0u) | (want_write ? uint32_t{EPOLLOUT} : 0u);
  }
  Slot& watched(int fd) {
    CHECK(fd >= 0 && static_cast<size_t>(fd) < slots_.size() && slots_[static_cast<size_t>(fd)].watcher != nullptr)
        << "fd " << fd << " is not watched";
    return slots_[static_cast<size_t>(fd)];
  }
  void control(int operation, int fd, const Slot& slot) {
    epoll_event event{};
    event.events = slot.events;
    event.data.u64 = uint64_t{slot.generation} << 32 | static_cast<uint32_t>(fd);
    CHECK(epoll_ctl(epoll_fd_, operation, fd, &event) == 0)
        << "epoll_ctl " << operation << " fd " << fd << ": errno " << errno;
  }

  int epoll_fd_;
  std::vector<Slot> slots_;  // by descriptor
  std::array<epoll_event, kEventsPerTurnMax> ready_;
};

}  // namespace

struct EventLoop::Parts {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard{io.get_executor()};
  WatchSet watches;
  asio::posix::stream_descriptor watches_ready{io, watches.fd()};
  bool is_watching_watches = false;  // watches_ready has an async_wait under way
  LoopClock clock;
  asio::basic_waitable_timer<BootClock> alarm{io};
  Instant alarm_time = Instant::never();  // what `alarm` is set to
  PostQueue posts{io};
  std::vector<std::function<void()>> hooks;
  std::function<void(int)> on_signal;
  bool did_signal = false;
  bool is_stopped = false;

  ~Parts() { watches_ready.release(); }  // the descriptor belongs to `watches`

  bool take_turn() {
    bool any = watches.deliver_ready();
    any |= posts.run_queued();
    any |= clock.run_due();
    any |= std::exchange(did_signal, false);
    return any;
  }

  void run_hooks() {
    for (const std::function<void()>& hook : hooks) hook();
  }

  void block() {
    if (!is_watching_watches) {
      is_watching_watches = true;
      watches_ready.async_wait(asio::posix::stream_descriptor::wait_read,
                               [this](const boost::system::error_code& error) {
                                 if (!error) is_watching_watches = false;
                               });
    }
    // An alarm that turns out too early only costs one idle pass; moving it at every change would cost a system call
    // each.
    const Instant earliest = clock.earliest();
    if (earliest < alarm_time) {
      alarm_time = earliest;
      alarm.expires_at(BootClock::time_point(Duration(earliest.ns)));
      alarm.async_wait([this](const boost::system::error_code& error) {
        if (!error) alarm_time = Instant::never();
      });
    }
    if (!posts.prepare_to_block()) return;
    io.run_one();
    posts.woke_up();
  }

  void wait_for_signal(asio::signal_set& signals) {
    signals.async_wait([this, &signals](const boost::system::error_code& error, int signal) {
      if (error) return;
      did_signal = true;
      on_signal(signal);
      wait_for_signal(signals);
    });
  }
};

EventLoop::EventLoop() : parts_(std::make_unique<Parts>()) {}
EventLoop::~EventLoop() = default;

void EventLoop::watch(int fd, Watcher* watcher, bool want_read, bool want_write) {
  parts_->watches.watch(fd, watcher, want_read, want_write);
}
void EventLoop::update(int fd, bool want_read, bool want_write) { parts_->watches.update(fd, want_read, want_write); }
void EventLoop::unwatch(int fd) { parts_->watches.unwatch(fd); }
void EventLoop::post(std::function<void()> work) { parts_->posts.post(std::move(work)); }
void EventLoop::at_end_of_turn(std::function<void()> hook) { parts_->hooks.push_back(std::move(hook)); }
env::Clock& EventLoop::clock() { return parts_->clock; }
void EventLoop::stop() { parts_->is_stopped = true; }

void EventLoop::run(std::function<void(int signal)> on_signal) {
  Parts& parts = *parts_;
  parts.is_stopped = false;
  parts.on_signal = std::move(on_signal);
  asio::signal_set signals(parts.io);
  if (parts.on_signal) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) signals.add(signal);
    parts.wait_for_signal(signals);
  }
  parts.run_hooks();  // for what was queued before the loop ran
  unsigned busy_turns = 0;
  while (!parts.is_stopped) {
    if (parts.take_turn()) {
      parts.run_hooks();
      if (++busy_turns % kTurnsPerAsioPoll == 0) parts.io.poll();
    } else {
      parts.block();
    }
  }
}

}  // namespace torc::host
