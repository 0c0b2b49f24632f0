// Clients that fight over a few keys and write down what they asked and what they were told, for check::check_history.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/prng.h"
#include "check/history.h"
#include "resp_client.h"

namespace torc::integration {

/// How a client of the workload speaks to the cluster. Used by one thread.
class Speaker {
 public:
  virtual ~Speaker() = default;
  /// Executes `operation` once and says what came back; unknown if it cannot tell.
  virtual check::Outcome execute(const check::Operation& operation) = 0;
};

/// The command that `operation` stands for, its name first.
std::vector<std::string> words_of(const check::Operation& operation);

/// Plain RESP through one node at a time; turns to the next after anything unexpected. Never sends a command twice.
class RespSpeaker : public Speaker {
 public:
  RespSpeaker(std::vector<Address> nodes, size_t first_node) : nodes_(std::move(nodes)), node_(first_node) {}
  check::Outcome execute(const check::Operation& operation) override;

 private:
  std::vector<Address> nodes_;
  size_t node_;
  RespClient client_;
};

class RecordedWorkload {
 public:
  struct Options {
    int keys = 5;                  // at most ten
    std::string key_prefix = "k";  // keys that nobody used before: a history begins with nothing
    uint64_t seed = 1;
    /// A history of a client is a sequence, so its thread waits this long between operations: long runs stay checkable.
    Millis pause{4};
  };

  /// One thread per speaker, from now until stop().
  RecordedWorkload(Options options, std::vector<std::unique_ptr<Speaker>> speakers);
  ~RecordedWorkload();
  RecordedWorkload(const RecordedWorkload&) = delete;
  RecordedWorkload& operator=(const RecordedWorkload&) = delete;

  /// Ends the threads and returns everything they recorded, then a read of every key.
  check::History stop();
  /// Operations that were answered so far, errors not counted.
  uint64_t answered_count() const { return answered_count_; }

 private:
  void run(size_t client);
  check::Operation next_operation(uint32_t client, uint64_t sequence, Prng& prng, const std::vector<std::string>& seen);
  void execute(size_t client, check::Operation operation);
  int64_t now_ns() const;

  const Options options_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::vector<std::unique_ptr<Speaker>> speakers_;
  std::vector<check::History> recorded_;  // one per client
  std::vector<std::thread> threads_;
  std::atomic<bool> is_stopping_{false};
  std::atomic<uint64_t> answered_count_{0};
};

}  // namespace torc::integration
