#include "net/peer_handshake.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "net/socket_address.h"

namespace torc::net {

PeerHandshake::PeerHandshake(host::EventLoop& loop, int fd, std::optional<Hello> first, Duration patience,
                             OnHello on_hello)
    : loop_(loop), fd_(fd), first_(std::move(first)), on_hello_(std::move(on_hello)) {
  loop_.watch(fd_, this, true, first_.has_value());
  deadline_ = loop_.clock().call_at(loop_.clock().now() + patience,
                                    [this] { fail(ErrorCode::kUnavailable, "no hello in time"); });
}

PeerHandshake::~PeerHandshake() {
  if (fd_ < 0) return;
  end();
  close(fd_);
}

void PeerHandshake::end() {
  if (std::exchange(is_over_, true)) return;
  loop_.clock().cancel(deadline_);
  loop_.unwatch(fd_);
}

void PeerHandshake::fail(ErrorCode code, std::string message) {
  end();
  on_hello_(Error{code, std::move(message)});
}

int PeerHandshake::take_fd() {
  CHECK(fd_ >= 0);
  end();
  return std::exchange(fd_, -1);
}

void PeerHandshake::on_ready(bool is_readable, bool is_writable) {
  if (first_) {
    if (const int error = connect_error(fd_); error != 0) {
      return fail(ErrorCode::kUnavailable, std::generic_category().message(error));
    }
    if (is_writable) connected();
  }
  if (is_readable && !is_over_) receive();
}

void PeerHandshake::connected() {
  if (is_connected_to_itself(fd_)) {
    // The kernel gave this end the very port it dials: nobody listens there. Left to close as usual it would hold the
    // port for a minute, and keep the node that belongs there from listening.
    close_at_once(fd_);
    return fail(ErrorCode::kUnavailable, "nobody listens there");
  }
  if (!send(*std::exchange(first_, std::nullopt))) return fail(ErrorCode::kUnavailable, "hung up");
  loop_.update(fd_, true, false);
}

bool PeerHandshake::send(const Hello& hello) {
  const std::string bytes = encode(hello);
  // Hellos are small and the first to be sent: the socket's buffer has room.
  return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

void PeerHandshake::send_last(const Hello& hello) {
  send(hello);
  ::shutdown(fd_, SHUT_WR);
  std::array<char, 256> rest;  // unread bytes would make the close a reset, which may overtake what was sent
  while (recv(fd_, rest.data(), rest.size(), MSG_DONTWAIT) > 0) {
  }
  if (!is_over_) end();
}

void PeerHandshake::receive() {
  while (!is_over_) {
    std::array<char, 4096> buffer;  // never more than the hello: what follows belongs to the connection
    const size_t wanted = std::min(buffer.size(), wanted_bytes_ - received_.size());
    const ssize_t count = recv(fd_, buffer.data(), wanted, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) return fail(ErrorCode::kUnavailable, "hung up before it said who it is");
    received_.append(buffer.data(), static_cast<size_t>(count));
    if (received_.size() < wanted_bytes_) continue;
    if (wanted_bytes_ == kHelloHeaderBytes) {
      is_from_torc_ = received_.starts_with(kHelloMagic);
      const Result<size_t> body = decode_hello_header(received_);
      if (!body.ok()) return fail(body.error().code, body.error().message);
      wanted_bytes_ += *body;
      if (*body > 0) continue;
    }
    Result<Hello> hello = decode_hello_body(std::string_view(received_).substr(kHelloHeaderBytes));
    received_.clear();
    wanted_bytes_ = kHelloHeaderBytes;
    if (!hello.ok()) return fail(hello.error().code, hello.error().message);
    on_hello_(std::move(hello));
  }
}

}  // namespace torc::net
