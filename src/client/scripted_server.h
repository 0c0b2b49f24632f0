// A RESP server for tests whose every answer is written down in advance.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "client/endpoint.h"

namespace torc::client::testing {

/// Listens on 127.0.0.1. For each command asks `answer` for the bytes to send; kHangUp closes the connection instead,
/// kSilence sends nothing.
class ScriptedServer {
 public:
  using Command = std::vector<std::string>;
  static constexpr const char* kHangUp = "hang up";
  static constexpr const char* kSilence = "silence";

  explicit ScriptedServer(std::function<std::string(const Command&)> answer);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  Endpoint endpoint() const { return {"127.0.0.1", port_}; }
  /// Everything received so far, words joined by spaces.
  std::vector<std::string> received() const;

 private:
  void run();
  /// False: the connection is over.
  bool serve(int fd);

  std::function<std::string(const Command&)> answer_;
  int listener_ = -1;
  int wake_[2] = {-1, -1};  // a pipe: written to stop
  uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> received_;
  std::thread thread_;
};

}  // namespace torc::client::testing
