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

bool send_first_bytes(int fd, const std::string& bytes) {
  return send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

PeerHandshake::PeerHandshake(host::EventLoop& loop, int fd, std::optional<Hello> mine, Duration patience,
                             Outcome outcome)
    : loop_(loop), fd_(fd), to_send_(mine ? encode(*mine) : std::string()), outcome_(std::move(outcome)) {
  loop_.watch(fd_, this, true, mine.has_value());
  deadline_ = loop_.clock().call_at(loop_.clock().now() + patience,
                                    [this] { fail(ErrorCode::kUnavailable, "no hello in time"); });
}

PeerHandshake::~PeerHandshake() {
  loop_.clock().cancel(deadline_);
  if (fd_ < 0) return;
  if (!is_finished_) loop_.unwatch(fd_);
  close(fd_);
}

int PeerHandshake::take_fd() {
  CHECK(is_finished_ && fd_ >= 0);
  return std::exchange(fd_, -1);
}

void PeerHandshake::on_ready(bool is_readable, bool is_writable) {
  if (!to_send_.empty()) {
    if (const int error = connect_error(fd_); error != 0) {
      return fail(ErrorCode::kUnavailable, std::generic_category().message(error));
    }
    if (is_writable) send_hello();
  }
  if (is_readable && !is_finished_) receive_hello();
}

void PeerHandshake::send_hello() {
  if (!send_first_bytes(fd_, to_send_)) return fail(ErrorCode::kUnavailable, "hung up");
  to_send_.clear();
  loop_.update(fd_, true, false);
}

void PeerHandshake::receive_hello() {
  std::array<char, kHelloBytes> buffer;  // never more than the hello: what follows belongs to the connection
  const ssize_t count = recv(fd_, buffer.data(), kHelloBytes - received_.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return fail(ErrorCode::kUnavailable, "hung up");
  received_.append(buffer.data(), static_cast<size_t>(count));
  if (received_.size() == kHelloBytes) finish(decode_hello(received_));
}

void PeerHandshake::finish(Result<Hello> result) {
  is_finished_ = true;
  loop_.unwatch(fd_);
  loop_.clock().cancel(deadline_);
  const Outcome outcome = std::move(outcome_);
  outcome(std::move(result));
}

}  // namespace torc::net
