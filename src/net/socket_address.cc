#include "net/socket_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

namespace torc::net {
namespace {

constexpr int kListenBacklog = 128;
constexpr int kKeepaliveIdleSeconds = 5;
constexpr int kKeepaliveIntervalSeconds = 1;
constexpr int kKeepaliveProbes = 5;
constexpr unsigned kUnacknowledgedMsMax = 10'000;
/// In the kernel's queue behind what is on its way. It takes megabytes otherwise, which a thin link needs many seconds
/// for, while our own queue says that everything was sent (PeerConnection::queued_bytes).
constexpr int kUnsentBytesMax = 256 << 10;

void set_option(int fd, int level, int name, int value) { setsockopt(fd, level, name, &value, sizeof value); }

std::string reason(int number) { return std::generic_category().message(number); }

struct HostAndPort {
  std::string host;
  std::string port;
};

Result<HostAndPort> split(const std::string& text) {
  const size_t colon = text.rfind(':');
  const Error malformed{ErrorCode::kInvalid, "not an address of the form host:port: \"" + text + "\""};
  if (colon == std::string::npos || colon == 0) return malformed;
  HostAndPort parts{text.substr(0, colon), text.substr(colon + 1)};
  uint16_t number = 0;
  const char* const port_end = parts.port.data() + parts.port.size();
  const auto [end, error] = std::from_chars(parts.port.data(), port_end, number);
  if (error != std::errc() || end != port_end) return malformed;
  if (parts.host.front() == '[' && parts.host.back() == ']') parts.host = parts.host.substr(1, parts.host.size() - 2);
  return parts;
}

Result<std::vector<SocketAddress>> look_up(const std::string& text, int flags) {
  const Result<HostAndPort> parts = split(text);
  if (!parts) return parts.error();
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  if (const int failure = getaddrinfo(parts->host.c_str(), parts->port.c_str(), &hints, &found); failure != 0) {
    return Error{ErrorCode::kNotFound, "cannot resolve " + text + ": " + gai_strerror(failure)};
  }
  std::vector<SocketAddress> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    SocketAddress& address = addresses.emplace_back();
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.bytes = one->ai_addrlen;
  }
  freeaddrinfo(found);
  return addresses;
}

}  // namespace

std::string SocketAddress::host_text() const {
  char text[INET6_ADDRSTRLEN] = "?";
  if (storage.ss_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr, text, sizeof text);
  } else if (storage.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(storage).sin_addr, text, sizeof text);
  }
  return text;
}

std::string SocketAddress::text() const {
  if (storage.ss_family == AF_INET6) {
    return "[" + host_text() + "]:" + std::to_string(ntohs(reinterpret_cast<const sockaddr_in6&>(storage).sin6_port));
  }
  return host_text() + ":" + std::to_string(ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port));
}

Status check_address(const std::string& text) {
  const Result<HostAndPort> parts = split(text);
  return parts.ok() ? Status() : Status(parts.error());
}

Result<SocketAddress> resolve(const std::string& text) {
  const Result<std::vector<SocketAddress>> found = look_up(text, 0);
  if (!found) return found.error();
  for (const SocketAddress& address : *found) {
    if (address.storage.ss_family == AF_INET) return address;
  }
  return found->front();
}

Result<std::vector<SocketAddress>> resolve_all(const std::string& text) { return look_up(text, 0); }

std::optional<SocketAddress> numeric_address(const std::string& text) {
  const Result<std::vector<SocketAddress>> found = look_up(text, AI_NUMERICHOST);
  if (!found) return std::nullopt;
  return found->front();
}

Result<int> listen_on(const SocketAddress& address, const std::string& text) {
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Error{ErrorCode::kIo, "cannot listen on " + text + ": " + reason(errno)};
  set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (bind(fd, address.get(), address.bytes) != 0 || listen(fd, kListenBacklog) != 0) {
    const ErrorCode code = errno == EADDRINUSE ? ErrorCode::kUnavailable : ErrorCode::kIo;
    const Error error{code, "cannot listen on " + text + ": " + reason(errno)};
    close(fd);
    return error;
  }
  return fd;
}

uint16_t local_port(int fd) {
  SocketAddress address;
  address.bytes = sizeof address.storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.bytes) != 0) return 0;
  if (address.storage.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port);
  return ntohs(reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port);
}

SocketAddress remote_address(int fd) {
  SocketAddress address;
  address.bytes = sizeof address.storage;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.bytes) != 0) return {};
  return address;
}

bool is_connected_to_itself(int fd) {
  SocketAddress local;
  local.bytes = sizeof local.storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&local.storage), &local.bytes) != 0) return false;
  return local.text() == remote_address(fd).text();
}

void close_at_once(int fd) {
  const linger no_linger{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &no_linger, sizeof no_linger);
}

Result<int> start_connect(const SocketAddress& address) {
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Error{ErrorCode::kUnavailable, reason(errno)};
  tune_peer_socket(fd);
  // Its own port is any free one, and may be the one that another node of this machine listens on when it is up:
  // without this the connection, and what the kernel remembers of it for a minute, would keep that node from starting.
  set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (connect(fd, address.get(), address.bytes) != 0 && errno != EINPROGRESS && errno != EINTR) {
    const Error error{ErrorCode::kUnavailable, reason(errno)};
    close(fd);
    return error;
  }
  return fd;
}

int connect_error(int fd) {
  int error = 0;
  socklen_t bytes = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 ? error : errno;
}

void tune_peer_socket(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveIdleSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveIntervalSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMsMax, sizeof kUnacknowledgedMsMax);
  set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kUnsentBytesMax);
}

}  // namespace torc::net
