#include "net/socket_address.h"

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

}  // namespace

Result<SocketAddress> resolve(const std::string& text) {
  const size_t colon = text.rfind(':');
  const Error malformed{ErrorCode::kInvalid, "not an address of the form host:port: \"" + text + "\""};
  if (colon == std::string::npos || colon == 0) return malformed;
  std::string host = text.substr(0, colon);
  const std::string port = text.substr(colon + 1);
  uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size()) return malformed;
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failure = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); failure != 0) {
    return Error{ErrorCode::kNotFound, "cannot resolve " + text + ": " + gai_strerror(failure)};
  }
  // A name such as localhost may have both kinds of addresses; its listener and its dialers must choose the same one.
  const addrinfo* chosen = found;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    if (one->ai_family == AF_INET) {
      chosen = one;
      break;
    }
  }
  SocketAddress address;
  std::memcpy(&address.storage, chosen->ai_addr, chosen->ai_addrlen);
  address.bytes = chosen->ai_addrlen;
  freeaddrinfo(found);
  return address;
}

Result<int> listen_on(const SocketAddress& address, const std::string& text) {
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Error{ErrorCode::kIo, "cannot listen on " + text + ": " + reason(errno)};
  set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (bind(fd, address.get(), address.bytes) != 0 || listen(fd, kListenBacklog) != 0) {
    const Error error{ErrorCode::kIo, "cannot listen on " + text + ": " + reason(errno)};
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

Result<int> start_connect(const SocketAddress& address) {
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Error{ErrorCode::kUnavailable, reason(errno)};
  tune_peer_socket(fd);
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
