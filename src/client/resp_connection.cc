#include "client/resp_connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

namespace torc::client {
namespace {

constexpr size_t kReceiveBytes = 64u << 10;

Error unavailable(std::string message) { return Error{ErrorCode::kUnavailable, std::move(message)}; }
Error unknown(std::string message) { return Error{ErrorCode::kUnknown, std::move(message)}; }
std::string system_message() { return std::strerror(errno); }

/// True once the descriptor is ready (or broken, which the next call on it tells); false at the deadline.
bool wait_until_ready(int fd, short events, Deadline deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd polled{fd, events, 0};
    const int ready = ::poll(&polled, 1, static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1 << 30)));
    if (ready > 0) return true;
    if (ready < 0 && errno == EINTR) continue;
    return false;
  }
}

/// A connected descriptor, or -1 with `message`.
int connect_to(const addrinfo& address, Deadline deadline, std::string& message) {
  const int fd = ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    message = system_message();
    return -1;
  }
  int error = ::connect(fd, address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    error = ETIMEDOUT;
    socklen_t length = sizeof error;
    if (wait_until_ready(fd, POLLOUT, deadline)) ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  }
  if (error == 0) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
  }
  message = std::strerror(error);
  ::close(fd);
  return -1;
}

}  // namespace

RespConnection::RespConnection(RespConnection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), parser_(std::move(other.parser_)) {}

RespConnection& RespConnection::operator=(RespConnection&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
    parser_ = std::move(other.parser_);
  }
  return *this;
}

Result<RespConnection> RespConnection::connect(const Endpoint& endpoint, Deadline deadline) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  if (status != 0) return unavailable(endpoint.text() + ": " + ::gai_strerror(status));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
  std::string message;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    const int fd = connect_to(*address, deadline, message);
    if (fd < 0) continue;
    RespConnection connection;
    connection.fd_ = fd;
    return connection;
  }
  return unavailable(endpoint.text() + ": " + message);
}

void RespConnection::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  parser_ = wire::RespReplyParser();
}

Result<wire::RespValue> RespConnection::call(std::span<const std::string_view> args, Deadline deadline) {
  if (!is_open()) return unavailable("not connected");
  std::string request;
  wire::append_request(request, args);
  if (Status sent = send(request, deadline); !sent.ok()) {
    close();
    return sent.error();
  }
  Result<wire::RespValue> reply = receive(deadline);
  if (!reply.ok()) close();
  return reply;
}

/// Sending and receiving take turns: a server that does not read on while its answers are not taken would otherwise
/// wait for us, and we for it.
Status RespConnection::call_many(std::string_view requests, size_t count, std::vector<wire::RespValue>& replies,
                                 Deadline deadline) {
  if (!is_open()) return unavailable("not connected");
  const auto fail = [this](Error error) -> Status {
    close();
    return error;
  };
  const size_t wanted = replies.size() + count;
  bool is_untouched = true;
  for (;;) {
    for (;;) {
      Result<std::optional<wire::RespValue>> reply = parser_.next();
      if (!reply.ok()) return fail(unknown("the answer is not RESP: " + reply.error().message));
      if (!reply->has_value()) break;
      if ((*reply)->kind != wire::RespValue::Kind::kPush) replies.push_back(std::move(**reply));
      if (replies.size() == wanted) return {};
    }
    if (!requests.empty()) {
      const ssize_t sent = ::send(fd_, requests.data(), requests.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        requests.remove_prefix(static_cast<size_t>(sent));
        is_untouched = false;
        continue;
      }
      if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        std::string message = "connection lost: " + system_message();
        return fail(is_untouched ? unavailable(std::move(message)) : unknown(std::move(message)));
      }
    }
    const short events = requests.empty() ? POLLIN : POLLIN | POLLOUT;
    if (!wait_until_ready(fd_, events, deadline)) {
      return fail(is_untouched ? unavailable("could not be sent in time") : unknown("no answer in time"));
    }
    if (Status received = receive_some(); !received.ok()) return fail(received.error());
  }
}

Status RespConnection::receive_some() {
  std::string buffer(kReceiveBytes, '\0');
  for (;;) {
    const ssize_t received = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (received > 0) {
      parser_.feed(std::string_view(buffer.data(), static_cast<size_t>(received)));
      if (static_cast<size_t>(received) < buffer.size()) return {};
    } else if (received == 0) {
      return unknown("the node closed the connection before it answered");
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return {};
    } else if (errno != EINTR) {
      return unknown("connection lost: " + system_message());
    }
  }
}

Status RespConnection::send(std::string_view bytes, Deadline deadline) {
  for (bool is_untouched = true; !bytes.empty();) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
      is_untouched = false;
      continue;
    }
    if (errno == EINTR) continue;
    const bool is_full = errno == EAGAIN || errno == EWOULDBLOCK;
    if (is_full && wait_until_ready(fd_, POLLOUT, deadline)) continue;
    std::string message = is_full ? "could not be sent in time" : "connection lost: " + system_message();
    return is_untouched ? unavailable(std::move(message)) : unknown(std::move(message));
  }
  return {};
}

Result<wire::RespValue> RespConnection::receive(Deadline deadline) {
  std::string buffer(kReceiveBytes, '\0');
  for (;;) {
    Result<std::optional<wire::RespValue>> reply = parser_.next();
    if (!reply.ok()) return unknown("the answer is not RESP: " + reply.error().message);
    if (reply->has_value() && (*reply)->kind != wire::RespValue::Kind::kPush) return std::move(**reply);
    if (reply->has_value()) continue;
    const ssize_t received = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (received > 0) {
      parser_.feed(std::string_view(buffer.data(), static_cast<size_t>(received)));
    } else if (received == 0) {
      return unknown("the node closed the connection before it answered");
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!wait_until_ready(fd_, POLLIN, deadline)) return unknown("no answer in time");
    } else if (errno != EINTR) {
      return unknown("connection lost: " + system_message());
    }
  }
}

}  // namespace torc::client
