// Clients that write and remember what was acknowledged, so that a test can ask afterwards whether all of it is there.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "resp_client.h"

namespace torc::integration {

/// `clients` threads, each writing new keys one after the other through the node it is connected to; after an error or
/// half a second without an answer it turns to the next node with the next key. Every key is written once, so whatever
/// was acknowledged must be readable for ever.
class WriteLoad {
 public:
  struct Options {
    int clients = 4;
    size_t value_bytes_min = 0;  // shorter values are padded
    Millis pause{0};             // of each client between two writes
  };
  WriteLoad(std::vector<Address> nodes, int clients) : WriteLoad(std::move(nodes), Options{.clients = clients}) {}
  WriteLoad(std::vector<Address> nodes, const Options& options);
  ~WriteLoad();
  WriteLoad(const WriteLoad&) = delete;
  WriteLoad& operator=(const WriteLoad&) = delete;

  /// How long from now until a write is acknowledged that also began after now; at most `timeout`.
  Millis time_to_next_acknowledged_write(Millis timeout);
  uint64_t acknowledged_count() const { return acknowledged_count_; }
  /// The longest time that any client has spent between two acknowledged writes, its retries at other nodes included,
  /// since the last call.
  Millis take_longest_gap() { return Millis(longest_gap_ms_.exchange(0)); }
  void stop();

  /// Keys that were acknowledged but are not at `node` with their value; read in batches. Requires: stop() was called.
  std::vector<std::string> missing_at(const Address& node) const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Writer {
    std::vector<uint64_t> acknowledged;  // sequence numbers
    std::thread thread;
  };
  static std::string key(size_t writer, uint64_t sequence);
  std::string value(size_t writer, uint64_t sequence) const;
  void write(size_t writer);

  const std::vector<Address> nodes_;
  const Options options_;
  std::atomic<bool> is_stopping_{false};
  std::atomic<uint64_t> acknowledged_count_{0};
  std::atomic<Clock::rep> latest_acknowledged_start_{0};  // begin of the latest acknowledged write
  std::atomic<int64_t> longest_gap_ms_{0};
  std::vector<Writer> writers_;
};

}  // namespace torc::integration
