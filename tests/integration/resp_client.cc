#include "resp_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace torc::integration {
namespace {

constexpr size_t kReadBytes = 64 << 10;

bool is_ready_before(int fd, short events, std::chrono::steady_clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<Millis>(deadline - std::chrono::steady_clock::now());
    pollfd entry{fd, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Reply& reply) {
  switch (reply.kind) {
    case Reply::Kind::kNil:
      return out << "(nil)";
    case Reply::Kind::kStatus:
      return out << reply.text;
    case Reply::Kind::kError:
      return out << "(error) " << reply.text;
    case Reply::Kind::kInteger:
      return out << "(integer) " << reply.integer;
    case Reply::Kind::kBulk:
      return out << '"' << reply.text.substr(0, 200) << '"';
    case Reply::Kind::kArray:
      out << '[';
      for (const Reply& element : reply.elements) out << element << ' ';
      return out << ']';
  }
  return out;
}

std::ostream& operator<<(std::ostream& out, const std::optional<Reply>& reply) {
  return reply ? out << *reply : out << "(no reply)";
}

RespClient::~RespClient() { close(); }

RespClient::RespClient(RespClient&& other) noexcept { *this = std::move(other); }

RespClient& RespClient::operator=(RespClient&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
    timeout_ = other.timeout_;
    buffer_ = std::move(other.buffer_);
    consumed_ = std::exchange(other.consumed_, 0);
  }
  return *this;
}

RespClient RespClient::connect(const Address& address, Millis timeout) {
  RespClient client;
  client.timeout_ = timeout;
  client.fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(address.port);
  ::inet_pton(AF_INET, address.host.c_str(), &to.sin_addr);
  int error = 0;
  if (::connect(client.fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
    error = errno;
    if (error == EINPROGRESS) {
      socklen_t size = sizeof error;
      const bool is_ready = is_ready_before(client.fd_, POLLOUT, std::chrono::steady_clock::now() + timeout);
      if (!is_ready || ::getsockopt(client.fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = ETIMEDOUT;
    }
  }
  if (error != 0) client.close();
  const int on = 1;
  if (client.is_open()) ::setsockopt(client.fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return client;
}

void RespClient::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  buffer_.clear();
  consumed_ = 0;
}

std::string RespClient::encode(const std::vector<std::string>& args) {
  std::string bytes = "*" + std::to_string(args.size()) + "\r\n";
  for (const std::string& arg : args) bytes += "$" + std::to_string(arg.size()) + "\r\n" + arg + "\r\n";
  return bytes;
}

std::optional<Reply> RespClient::call(const std::vector<std::string>& args) {
  if (!send(args)) return std::nullopt;
  return receive();
}

bool RespClient::send_bytes(std::string_view bytes) {
  const Deadline deadline = std::chrono::steady_clock::now() + timeout_;
  while (is_open() && !bytes.empty()) {
    bytes.remove_prefix(send_without_waiting(bytes));
    if (!bytes.empty() && is_open() && !is_ready_before(fd_, POLLOUT, deadline)) close();
  }
  return is_open();
}

size_t RespClient::send_without_waiting(std::string_view bytes) {
  if (!is_open()) return 0;
  const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count >= 0) return static_cast<size_t>(count);
  if (errno != EAGAIN && errno != EINTR) close();
  return 0;
}

std::optional<Reply> RespClient::receive() { return receive(timeout_); }

std::optional<Reply> RespClient::receive(Millis timeout) {
  std::optional<Reply> reply = parse(std::chrono::steady_clock::now() + timeout);
  if (!reply) close();
  return reply;
}

bool RespClient::is_closed_by_server_within(Millis timeout) {
  const Deadline deadline = std::chrono::steady_clock::now() + timeout;
  while (is_open()) {
    if (!is_ready_before(fd_, POLLIN, deadline)) return false;
    if (!fill(deadline)) return true;
    buffer_.clear();
    consumed_ = 0;
  }
  return true;
}

bool RespClient::fill(Deadline deadline) {
  if (!is_open() || !is_ready_before(fd_, POLLIN, deadline)) return false;
  if (consumed_ > 0) buffer_.erase(0, std::exchange(consumed_, 0));
  const size_t old_size = buffer_.size();
  buffer_.resize(old_size + kReadBytes);
  const ssize_t count = ::recv(fd_, buffer_.data() + old_size, kReadBytes, 0);
  buffer_.resize(old_size + static_cast<size_t>(std::max<ssize_t>(count, 0)));
  return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

std::optional<std::string> RespClient::line(Deadline deadline) {
  for (;;) {
    const size_t end = buffer_.find("\r\n", consumed_);
    if (end != std::string::npos) {
      std::string text = buffer_.substr(consumed_, end - consumed_);
      consumed_ = end + 2;
      return text;
    }
    if (!fill(deadline)) return std::nullopt;
  }
}

std::optional<Reply> RespClient::parse(Deadline deadline) {
  const std::optional<std::string> head = line(deadline);
  if (!head || head->empty()) return std::nullopt;
  Reply reply;
  const std::string rest = head->substr(1);
  switch ((*head)[0]) {
    case '+':
      reply.kind = Reply::Kind::kStatus;
      reply.text = rest;
      return reply;
    case '-':
      reply.kind = Reply::Kind::kError;
      reply.text = rest;
      return reply;
    case ':':
      reply.kind = Reply::Kind::kInteger;
      reply.integer = std::strtoll(rest.c_str(), nullptr, 10);
      return reply;
    case '_':
      return reply;
    case '$': {
      const int64_t size = std::strtoll(rest.c_str(), nullptr, 10);
      if (size < 0) return reply;
      while (buffer_.size() - consumed_ < static_cast<size_t>(size) + 2) {
        if (!fill(deadline)) return std::nullopt;
      }
      reply.kind = Reply::Kind::kBulk;
      reply.text = buffer_.substr(consumed_, static_cast<size_t>(size));
      consumed_ += static_cast<size_t>(size) + 2;
      return reply;
    }
    case '*': {
      const int64_t count = std::strtoll(rest.c_str(), nullptr, 10);
      if (count < 0) return reply;
      reply.kind = Reply::Kind::kArray;
      for (int64_t i = 0; i < count; ++i) {
        std::optional<Reply> element = parse(deadline);
        if (!element) return std::nullopt;
        reply.elements.push_back(std::move(*element));
      }
      return reply;
    }
    default:
      return std::nullopt;
  }
}

}  // namespace torc::integration
