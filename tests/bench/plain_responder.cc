// The floor of `make bench`: what a store would cost that does nothing. One thread, epoll, one read and one write for
// what a client has sent; nothing is parsed beyond counting the requests, and the answer is always the same. What a
// store takes beyond this is its own; what this takes is the kernel's TCP.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

constexpr size_t kReadBytes = 64 << 10;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

int listen_on(const char* port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(std::strtoul(port, nullptr, 10)));
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, SOMAXCONN) != 0)
    fail("listen");
  return fd;
}

void watch(int loop, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (::epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
}

/// False once the client is gone. A request is an array, and nothing else in it has a star: redis-benchmark's keys are
/// digits and its values are x.
bool answer(int client, std::array<char, kReadBytes>& in, const std::string& reply, std::string& out) {
  const ssize_t got = ::read(client, in.data(), in.size());
  if (got <= 0) return false;
  const auto requests = std::count(in.begin(), in.begin() + got, '*');
  out.clear();
  for (auto i = requests; i > 0; --i) out += reply;
  for (size_t sent = 0; sent < out.size();) {
    const ssize_t n = ::send(client, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr,
                 "usage: torc-plain-responder PORT VALUE_BYTES\nanswers every request with a value of that size, or "
                 "with OK if it is 0\n");
    return 2;
  }
  const size_t value_bytes = std::strtoul(argv[2], nullptr, 10);
  const std::string reply = value_bytes == 0
                                ? "+OK\r\n"
                                : "$" + std::to_string(value_bytes) + "\r\n" + std::string(value_bytes, 'x') + "\r\n";
  const int listener = listen_on(argv[1]);
  const int loop = ::epoll_create1(0);
  watch(loop, listener);
  std::array<epoll_event, 256> events;
  std::array<char, kReadBytes> in;
  std::string out;
  for (;;) {
    const int ready = ::epoll_wait(loop, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == listener) {
        const int client = ::accept(listener, nullptr, nullptr);
        if (client < 0) continue;
        const int on = 1;
        ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(loop, client);
      } else if (!answer(fd, in, reply, out)) {
        ::close(fd);
      }
    }
  }
}
