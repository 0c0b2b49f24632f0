// Another client, which must not notice anything.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cluster.h"

namespace torc::integration {

/// Counts at one node, or does what it is told, every few milliseconds; remembers its longest wait and the first answer
/// that was none.
class Bystander {
 public:
  explicit Bystander(const Address& node, Millis timeout = Millis(5000),
                     std::vector<std::string> command = {"INCR", "bystander"})
      : client_(RespClient::connect(node, timeout)) {
    thread_ = std::thread([this, command = std::move(command)] {
      while (!is_stopping_) {
        const auto begin = std::chrono::steady_clock::now();
        const auto reply = client_.call(command);
        if (!reply || reply->is_error()) {
          trouble_ = reply ? reply->text : "no answer in time";
          return;
        }
        ++answered_;
        longest_wait_ = std::max(longest_wait_, std::chrono::ceil<Millis>(std::chrono::steady_clock::now() - begin));
        sleep_for(Millis(2));
      }
    });
  }
  ~Bystander() { stop(); }
  /// Requires: called once, last.
  void expect_undisturbed(Millis longest_wait_max) { EXPECT_LT(finish(), longest_wait_max); }
  /// Expects that every answer came, and returns the longest wait. Requires: called once, last.
  Millis finish() {
    stop();
    EXPECT_EQ(trouble_, "") << "after " << answered_ << " answers";
    EXPECT_GT(answered_, 0u);
    return longest_wait_;
  }

 private:
  void stop() {
    is_stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }

  RespClient client_;
  std::atomic<bool> is_stopping_{false};
  std::string trouble_;
  uint64_t answered_ = 0;
  Millis longest_wait_{0};
  std::thread thread_;
};

}  // namespace torc::integration
