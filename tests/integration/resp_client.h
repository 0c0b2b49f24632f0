// The plainest Redis client a test can have: blocking, with a deadline on everything, and able to send any bytes at
// all. On purpose not built on src/wire or src/client: a mistake there must not hide itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace torc::integration {

using Millis = std::chrono::milliseconds;

struct Address {
  std::string host;
  uint16_t port = 0;
  std::string text() const { return host + ":" + std::to_string(port); }
};

struct Reply {
  enum class Kind { kNil, kStatus, kError, kInteger, kBulk, kArray };
  Kind kind = Kind::kNil;
  std::string text;  // of kStatus, kError (without the '-') and kBulk
  int64_t integer = 0;
  std::vector<Reply> elements;

  bool is_error() const { return kind == Kind::kError; }
  bool is_ok() const { return kind == Kind::kStatus && text == "OK"; }
  bool is_nil() const { return kind == Kind::kNil; }
};
/// As redis-cli would print it, for messages of failed tests.
std::ostream& operator<<(std::ostream& out, const Reply& reply);
std::ostream& operator<<(std::ostream& out, const std::optional<Reply>& reply);

/// One connection. After a timeout, an end of file or malformed bytes it is closed, and every call returns nothing.
class RespClient {
 public:
  RespClient() = default;
  ~RespClient();
  RespClient(RespClient&& other) noexcept;
  RespClient& operator=(RespClient&& other) noexcept;

  /// Closed if there is no connection within `timeout`, which is also the time each call may take.
  static RespClient connect(const Address& address, Millis timeout);

  bool is_open() const { return fd_ >= 0; }
  void close();
  /// One command, one reply.
  std::optional<Reply> call(const std::vector<std::string>& args);
  bool send(const std::vector<std::string>& args) { return send_bytes(encode(args)); }
  bool send_bytes(std::string_view bytes);
  /// As many of the bytes as the socket takes without waiting.
  size_t send_without_waiting(std::string_view bytes);
  std::optional<Reply> receive();
  std::optional<Reply> receive(Millis timeout);
  /// True once the server has closed; reads and drops what still comes, at most for `timeout`.
  bool is_closed_by_server_within(Millis timeout);

  static std::string encode(const std::vector<std::string>& args);

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  bool fill(Deadline deadline);
  std::optional<std::string> line(Deadline deadline);
  std::optional<Reply> parse(Deadline deadline);

  int fd_ = -1;
  Millis timeout_{1000};
  std::string buffer_;
  size_t consumed_ = 0;
};

}  // namespace torc::integration
