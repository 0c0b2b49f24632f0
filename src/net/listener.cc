#include "net/listener.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <utility>

#include "net/client_set.h"

namespace torc::net {
namespace {

constexpr int kBacklog = 511;             // as Redis
constexpr int kAcceptsPerTurnMax = 64;    // so that a flood of connections does not starve the connected
constexpr Duration kAcceptPause = 100ms;  // after descriptors ran out
constexpr std::string_view kTooManyClients = "-ERR max number of clients reached\r\n";

Error io_error(const std::string& what) { return {ErrorCode::kIo, what + ": " + std::strerror(errno)}; }

std::string to_text(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return std::string("[") + text + "]:" + std::to_string(ntohs(v6.sin6_port));
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
}

sockaddr_storage local_address_of(int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size);
  return address;
}

/// As Redis: three probes a third of the time apart.
void keep_alive(int descriptor, Duration idle) {
  const int seconds = static_cast<int>(std::chrono::ceil<std::chrono::seconds>(idle).count());
  if (seconds <= 0) return;
  const int on = 1;
  const int interval = std::max(seconds / 3, 1);
  const int probes = 3;
  setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
  setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

Result<int> open_listener(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); error != 0) {
    return Error{ErrorCode::kInvalid, "cannot listen on '" + host + "': " + gai_strerror(error)};
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  const std::string where = "cannot listen on " + host + ":" + std::to_string(port);
  const int descriptor = ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return io_error(where);
  const int on = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(descriptor, found->ai_addr, found->ai_addrlen) != 0 || ::listen(descriptor, kBacklog) != 0) {
    const Error error = io_error(where);
    ::close(descriptor);
    return error;
  }
  return descriptor;
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(host::EventLoop& loop, ClientSet& clients,
                                                 const DoorOptions& options) {
  const Result<int> descriptor = open_listener(options.host, options.port);
  if (!descriptor.ok()) return descriptor.error();
  const std::string bound = to_text(local_address_of(*descriptor));
  const size_t colon = bound.rfind(':');
  OpenDoor door{options.door, place_of(bound).host, 0, place_of(options.announced)};
  door.port = static_cast<uint16_t>(std::stoul(bound.substr(colon + 1)));
  return std::unique_ptr<Listener>(new Listener(loop, clients, *descriptor, std::move(door)));
}

Listener::Listener(host::EventLoop& loop, ClientSet& clients, int descriptor, OpenDoor door)
    : loop_(loop), clients_(clients), descriptor_(descriptor), door_(std::move(door)) {
  loop_.watch(descriptor_, this, true, false);
}

Listener::~Listener() {
  loop_.clock().cancel(accept_timer_);
  loop_.unwatch(descriptor_);
  ::close(descriptor_);
}

void Listener::stop() {
  loop_.clock().cancel(accept_timer_);
  loop_.update(descriptor_, false, false);
}

void Listener::on_ready(bool, bool) {
  for (int i = 0; i < kAcceptsPerTurnMax && accept_one();) ++i;
}

/// False when nobody is waiting, or nobody can be let in now.
bool Listener::accept_one() {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  const int accepted =
      ::accept4(descriptor_, reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (accepted < 0) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause_accepting();
    return errno == ECONNABORTED || errno == EINTR;
  }
  ++clients_.stats().connections_received;
  if (clients_.size() >= clients_.limits().clients_max) {
    ++clients_.stats().connections_rejected;
    // Best effort: a fresh socket has room for it.
    [[maybe_unused]] const ssize_t sent =
        ::send(accepted, kTooManyClients.data(), kTooManyClients.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::close(accepted);
    return true;
  }
  const int on = 1;
  setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  keep_alive(accepted, clients_.limits().keepalive);
  clients_.add(accepted, door_.door, to_text(address), to_text(local_address_of(accepted)));
  return true;
}

/// No descriptors left: the waiting connection would wake the loop again at once, and again.
void Listener::pause_accepting() {
  loop_.update(descriptor_, false, false);
  loop_.clock().cancel(accept_timer_);
  accept_timer_ =
      loop_.clock().call_at(loop_.clock().now() + kAcceptPause, [this] { loop_.update(descriptor_, true, false); });
}

}  // namespace torc::net
