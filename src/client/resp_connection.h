// One blocking connection that speaks RESP, every wait with a deadline: for tools, status and tests. No retries.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
  /// Sends requests (wire::append_request) and waits for as many replies as there are; appends those that arrive.
  /// After an error the connection is closed.
  /// Errors: as call(): kUnknown: those without a reply may have been executed.
  Status call_many(std::string_view requests, size_t count, std::vector<wire::RespValue>& replies, Deadline deadline);

 private:
  /// Errors: as call().
  Status send(std::string_view bytes, Deadline deadline);
  Result<wire::RespValue> receive(Deadline deadline);
  /// What has arrived, without waiting. Errors: kUnknown.
  Status receive_some();

  int fd_ = -1;
  wire::RespReplyParser parser_;
};

}  // namespace torc::client
