#include "host/event_loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "host/run_until.h"

namespace torc::host {
namespace {

struct SocketPair {
  int ends[2];
  SocketPair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0); }
  ~SocketPair() {
    for (int fd : ends) close_end(fd);
  }
  void close_end(int& fd) {
    if (fd >= 0) close(fd);
    fd = -1;
  }
  void feed() { EXPECT_EQ(write(ends[0], "x", 1), 1); }
};

struct CallbackWatcher : Watcher {
  std::function<void(bool, bool)> callback;
  int calls = 0;
  void on_ready(bool is_readable, bool is_writable) override {
    ++calls;
    if (callback) callback(is_readable, is_writable);
  }
};

TEST(EventLoop, DeliversReadinessUntilTheDescriptorIsDrained) {
  EventLoop loop;
  SocketPair pair;
  CallbackWatcher watcher;
  watcher.callback = [&](bool is_readable, bool is_writable) {
    EXPECT_TRUE(is_readable);
    EXPECT_FALSE(is_writable);
    if (watcher.calls == 3) {
      char byte;
      EXPECT_EQ(read(pair.ends[1], &byte, 1), 1);
      loop.clock().call_at(loop.clock().now() + 5ms, [&] { loop.stop(); });
    }
  };
  loop.watch(pair.ends[1], &watcher, true, false);
  pair.feed();
  loop.run();
  EXPECT_EQ(watcher.calls, 3);
  loop.unwatch(pair.ends[1]);
}

TEST(EventLoop, WakesFromTheBlockingWaitForASocketAgainAndAgain) {
  EventLoop loop;
  SocketPair pair;
  CallbackWatcher watcher;
  watcher.callback = [&](bool, bool) {
    char byte;
    EXPECT_EQ(read(pair.ends[1], &byte, 1), 1);
  };
  loop.watch(pair.ends[1], &watcher, true, false);
  for (int i = 1; i <= 5; ++i) {
    std::thread feeder([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));  // the loop blocks by then
      pair.feed();
    });
    EXPECT_TRUE(run_until(loop, [&] { return watcher.calls == i; }));
    feeder.join();
  }
  loop.unwatch(pair.ends[1]);
}

TEST(EventLoop, UpdateTurnsWritabilityOnAndOff) {
  EventLoop loop;
  SocketPair pair;
  CallbackWatcher watcher;
  watcher.callback = [&](bool is_readable, bool is_writable) {
    EXPECT_FALSE(is_readable);
    EXPECT_TRUE(is_writable);
    loop.update(pair.ends[1], true, false);
  };
  loop.watch(pair.ends[1], &watcher, true, false);
  loop.update(pair.ends[1], true, true);
  bool is_over = false;
  loop.clock().call_at(loop.clock().now() + 5ms, [&] { is_over = true; });
  EXPECT_TRUE(run_until(loop, [&] { return is_over; }));
  EXPECT_EQ(watcher.calls, 1);
  loop.unwatch(pair.ends[1]);
}

TEST(EventLoop, HangUpIsReportedAsReadable) {
  EventLoop loop;
  SocketPair pair;
  CallbackWatcher watcher;
  watcher.callback = [&](bool is_readable, bool) {
    EXPECT_TRUE(is_readable);
    loop.unwatch(pair.ends[1]);
    loop.stop();
  };
  loop.watch(pair.ends[1], &watcher, false, false);
  pair.close_end(pair.ends[0]);
  loop.run();
  EXPECT_EQ(watcher.calls, 1);
}

TEST(EventLoop, AWatcherRemovedDuringTheBatchIsNotCalled) {
  EventLoop loop;
  SocketPair a, b;
  CallbackWatcher first, second;
  const auto remove_both = [&](bool, bool) {
    loop.unwatch(a.ends[1]);
    loop.unwatch(b.ends[1]);
    loop.post([&] { loop.stop(); });
  };
  first.callback = second.callback = remove_both;
  loop.watch(a.ends[1], &first, true, false);
  loop.watch(b.ends[1], &second, true, false);
  a.feed();
  b.feed();
  loop.run();
  EXPECT_EQ(first.calls + second.calls, 1);
}

TEST(EventLoop, AnEventOfAClosedDescriptorIsNotGivenToTheNextOwnerOfItsNumber) {
  EventLoop loop;
  SocketPair a, b;
  CallbackWatcher first, second, next_owner;
  const auto replace = [&](SocketPair& victim) {
    loop.unwatch(victim.ends[1]);
    const int quiet = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    EXPECT_EQ(dup2(quiet, victim.ends[1]), victim.ends[1]);  // same number, another file
    close(quiet);
    loop.watch(victim.ends[1], &next_owner, false, true);
    loop.update(victim.ends[1], false, true);
  };
  first.callback = [&](bool, bool) {
    loop.unwatch(a.ends[1]);
    if (second.calls == 0) replace(b);
    loop.stop();
  };
  second.callback = [&](bool, bool) {
    loop.unwatch(b.ends[1]);
    if (first.calls == 0) replace(a);
    loop.stop();
  };
  loop.watch(a.ends[1], &first, true, false);
  loop.watch(b.ends[1], &second, true, false);
  a.feed();
  b.feed();
  loop.run();
  EXPECT_EQ(first.calls + second.calls, 1);
  EXPECT_EQ(next_owner.calls, 0);
}

TEST(EventLoop, TimersRunInOrderOfTheirDeadlines) {
  EventLoop loop;
  env::Clock& clock = loop.clock();
  const Instant start = clock.now();
  std::vector<int> order;
  clock.call_at(start + 6ms, [&] {
    order.push_back(3);
    loop.stop();
  });
  clock.call_at(start + 2ms, [&] { order.push_back(1); });
  clock.call_at(start + 4ms, [&] { order.push_back(2); });
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_GE(clock.now(), start + 6ms);
}

TEST(EventLoop, CancelledTimersDoNotRunEvenWhenDueInTheSameTurn) {
  EventLoop loop;
  env::Clock& clock = loop.clock();
  const Instant start = clock.now();
  bool ran = false;
  env::TimerId victim = 0;
  clock.call_at(start - 2ms, [&] { clock.cancel(victim); });
  victim = clock.call_at(start - 1ms, [&] { ran = true; });
  const env::TimerId last = clock.call_at(start + 1ms, [&] { loop.stop(); });
  loop.run();
  EXPECT_FALSE(ran);
  clock.cancel(last);  // spent
  clock.cancel(12345);
  clock.cancel(0);
}

TEST(EventLoop, ATimerThatRearmsItselfInThePastDoesNotStarveOtherWork) {
  EventLoop loop;
  std::function<void()> again = [&] { loop.clock().call_at(loop.clock().now(), again); };
  again();
  bool posted = false;
  std::thread poster([&] { loop.post([&] { posted = true; }); });
  EXPECT_TRUE(run_until(loop, [&] { return posted; }));
  poster.join();
}

TEST(EventLoop, AnEarlierTimerSetLaterStillRunsInTime) {
  EventLoop loop;
  const Instant start = loop.clock().now();
  loop.clock().call_at(start + 10s, [] {});
  loop.clock().call_at(start + 1ms, [&] { loop.clock().call_at(start + 3ms, [&] { loop.stop(); }); });
  loop.run();
  EXPECT_LT(loop.clock().now(), start + 5s);
}

TEST(EventLoop, WorkPostedByOtherThreadsRunsOnceAndInOrder) {
  EventLoop loop;
  constexpr int kPosts = 20'000;
  int next = 0;
  std::thread poster([&] {
    for (int i = 0; i < kPosts; ++i) {
      loop.post([&next, i] { EXPECT_EQ(next++, i); });
      if (i % 100 == 0) std::this_thread::yield();
    }
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  poster.join();
  EXPECT_EQ(next, kPosts);
}

TEST(EventLoop, WorkThatPostsItselfDoesNotStarveSockets) {
  EventLoop loop;
  std::function<void()> again = [&] { loop.post(again); };
  loop.post(again);
  SocketPair pair;
  CallbackWatcher watcher;
  watcher.callback = [&](bool, bool) { loop.stop(); };
  loop.watch(pair.ends[1], &watcher, true, false);
  pair.feed();
  loop.run();
  EXPECT_EQ(watcher.calls, 1);
  loop.unwatch(pair.ends[1]);
}

TEST(EventLoop, HooksRunOncePerTurnAfterTheWholeBatchInOrder) {
  EventLoop loop;
  std::vector<char> trace;
  loop.at_end_of_turn([&] { trace.push_back('a'); });
  loop.at_end_of_turn([&] { trace.push_back('b'); });
  loop.post([&] { trace.push_back('1'); });
  loop.post([&] {
    trace.push_back('2');
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(std::string(trace.begin(), trace.end()), "ab12ab");  // the first pair flushes what came before run()
}

TEST(EventLoop, WorkPostedByAHookIsNotLeftBehindByTheBlockingWait) {
  EventLoop loop;
  int hooks = 0;
  loop.at_end_of_turn([&] {
    if (++hooks == 2) loop.post([&] { loop.stop(); });
  });
  loop.post([] {});
  loop.run();
  EXPECT_GE(hooks, 2);
}

TEST(EventLoop, SignalsAreDeliveredOnTheLoopAndUnderLoad) {
  EventLoop loop;
  int received = 0;
  std::function<void()> busy = [&] { loop.post(busy); };
  loop.post([] { raise(SIGTERM); });  // the loop would block now
  loop.run([&](int signal) {
    EXPECT_EQ(signal, received == 0 ? SIGTERM : SIGINT);
    if (++received == 1) {
      loop.post(busy);
      raise(SIGINT);
    } else {
      loop.stop();
    }
  });
  EXPECT_EQ(received, 2);
}

TEST(EventLoop, AnIdleLoopSleeps) {
  EventLoop loop;
  SocketPair pair;
  CallbackWatcher watcher;
  loop.watch(pair.ends[1], &watcher, true, false);
  int turns = 0;
  loop.at_end_of_turn([&] { ++turns; });
  loop.clock().call_at(loop.clock().now() + 30ms, [&] { loop.stop(); });
  rusage before, after;
  getrusage(RUSAGE_THREAD, &before);
  loop.run();
  getrusage(RUSAGE_THREAD, &after);
  EXPECT_LE(turns, 3);
  const auto micros = [](const timeval& t) { return t.tv_sec * 1'000'000 + t.tv_usec; };
  EXPECT_LT(micros(after.ru_utime) + micros(after.ru_stime) - micros(before.ru_utime) - micros(before.ru_stime),
            15'000);
  loop.unwatch(pair.ends[1]);
}

TEST(EventLoop, MoreReadyDescriptorsThanATurnHoldsAreAllServed) {
  EventLoop loop;
  constexpr int kPairs = 300;  // one past what a turn takes (256), and some
  std::vector<std::unique_ptr<SocketPair>> pairs;
  std::vector<std::unique_ptr<CallbackWatcher>> watchers;
  int served = 0;
  for (int i = 0; i < kPairs; ++i) {
    pairs.push_back(std::make_unique<SocketPair>());
    watchers.push_back(std::make_unique<CallbackWatcher>());
    const int fd = pairs.back()->ends[1];
    watchers.back()->callback = [&loop, &served, fd](bool, bool) {
      loop.unwatch(fd);
      ++served;
    };
    loop.watch(fd, watchers.back().get(), true, false);
    pairs.back()->feed();
  }
  EXPECT_TRUE(run_until(loop, [&] { return served == kPairs; }));
}

TEST(EventLoop, TheClockCountsForwardAndTheWallClockIsTheSystems) {
  EventLoop loop;
  const Instant before = loop.clock().now();
  EXPECT_LE(before, loop.clock().now());
  const auto system =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  EXPECT_NEAR(static_cast<double>(loop.clock().wall_now().ms), static_cast<double>(system), 1000);
}

}  // namespace
}  // namespace torc::host
