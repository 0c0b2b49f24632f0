// One blocking connection that speaks RESP, every wait with a deadline: for tools, status and tests. No retries.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "client/endpoint.h"
#include "wire/resp_reply_parser.h"
#include "wire/resp_value.h"

namespace torc::client {

using Deadline = std::chrono::steady_clock::time_point;

class RespConnection {
 public:
  RespConnection() = default;
  ~RespConnection() { close(); }
  RespConnection(RespConnection&& other) noexcept;
  RespConnection& operator=(RespConnection&& other) noexcept;

  /// Errors: kUnavailable (refused, no such host, no answer by the deadline).
  static Result<RespConnection> connect(const Endpoint& endpoint, Deadline deadline);

  bool is_open() const { return fd_ >= 0; }
  void close();

  /// Sends one command and waits for its reply; an error reply is a value. After an error the connection is closed.
  /// Errors: kUnavailable (nothing of the command left this process), kUnknown (it may have been executed).
  Result<wire::RespValue> call(std::span<const std::string_view> args, Deadline deadline);

 private:
  /// Errors: as call().
  Status send(std::string_view bytes, Deadline deadline);
  Result<wire::RespValue> receive(Deadline deadline);

  int fd_ = -1;
  wire::RespReplyParser parser_;
};

}  // namespace torc::client
