#include "net/tcp.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace torc::net {
namespace {

constexpr int kBacklog = 511;  // as Redis

Error io_error(const std::string& what) { return {ErrorCode::kIo, what + ": " + std::strerror(errno)}; }

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Result<Addresses> resolve(const std::string& host, const std::string& port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
    return Error{ErrorCode::kInvalid, "'" + host + ":" + port + "' cannot be resolved: " + gai_strerror(error)};
  }
  return Addresses(found, freeaddrinfo);
}

}  // namespace

Result<HostPort> parse_host_port(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) {
    return Error{ErrorCode::kInvalid, "'" + std::string(text) + "' is not host:port"};
  }
  std::string_view host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return HostPort{std::string(host), std::string(text.substr(colon + 1))};
}

Result<int> open_listener(const std::string& host, uint16_t port) {
  Result<Addresses> found = resolve(host, std::to_string(port), AI_PASSIVE);
  if (!found.ok()) return found.error();
  const addrinfo& address = **found;
  const std::string where = "cannot listen on " + host + ":" + std::to_string(port);
  const int descriptor = ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return io_error(where);
  const int on = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(descriptor, address.ai_addr, address.ai_addrlen) != 0 || ::listen(descriptor, kBacklog) != 0) {
    const Error error = io_error(where);
    ::close(descriptor);
    return error;
  }
  return descriptor;
}

Result<Dialed> dial(const HostPort& to) {
  Result<Addresses> found = resolve(to.host, to.port, 0);
  if (!found.ok()) return found.error();
  const addrinfo& address = **found;
  const int descriptor = ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return io_error("socket");
  if (::connect(descriptor, address.ai_addr, address.ai_addrlen) == 0) return Dialed{descriptor, false};
  if (errno == EINPROGRESS) return Dialed{descriptor, true};
  const Error error = io_error("cannot connect to " + to.host + ":" + to.port);
  ::close(descriptor);
  return error;
}

uint16_t local_port_of(int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

void set_no_delay(int descriptor) {
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void set_dead_peer_timeout(int descriptor, unsigned timeout_ms) {
  const int on = 1;
  const int seconds = static_cast<int>(timeout_ms / 3000) + 1;
  const int probes = 2;
  setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
  setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
  setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

}  // namespace torc::net
