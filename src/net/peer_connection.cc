#include "net/peer_connection.h"

#include <limits.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/codec.h"
#include "wire/peer_message.h"

namespace torc::net {
namespace {

/// Taken from one connection per turn, so that a snapshot does not hold up everything else.
constexpr size_t kReceiveBytesPerTurn = 4u << 20;

/// The unsent bytes of the queue as the system call wants them; returns how many pieces.
size_t gather(const std::deque<ByteChain>& queue, size_t skip, std::array<iovec, IOV_MAX>& pieces, size_t& bytes) {
  size_t count = 0;
  bytes = 0;
  const auto add = [&](std::string_view part) {
    const size_t skipped = std::min(skip, part.size());
    skip -= skipped;
    part.remove_prefix(skipped);
    if (part.empty() || count == pieces.size()) return;
    pieces[count++] = {const_cast<char*>(part.data()), part.size()};
    bytes += part.size();
  };
  for (const ByteChain& frame : queue) {
    add(frame.head);
    for (const Bytes& part : frame.tail) add(part.view());
    if (count == pieces.size()) break;
  }
  return count;
}

}  // namespace

PeerConnection::PeerConnection(host::EventLoop& loop, int fd, size_t queued_bytes_max, PeerConnectionOwner& owner)
    : loop_(loop), fd_(fd), queued_bytes_max_(queued_bytes_max), owner_(owner) {
  loop_.watch(fd_, this, true, false);
}

bool PeerConnection::send(ByteChain body) {
  if (!is_open()) return false;
  const size_t bytes = body.size();
  // The peer would hang up. Nobody here makes one (node/group_admission.cc, forwarder.cc, forward_receiver.cc), but a
  // relay passes on what another version sent.
  if (bytes > wire::kFrameBytesMax) return false;
  if (!queue_.empty() && queued_bytes_ + bytes > queued_bytes_max_) return false;
  const uint32_t header = static_cast<uint32_t>(bytes);
  body.head.insert(0, reinterpret_cast<const char*>(&header), sizeof header);
  queued_bytes_ += bytes + sizeof header;
  queue_.push_back(std::move(body));
  if (!is_marked_ && !is_blocked_) {
    is_marked_ = true;
    owner_.on_queued(*this);
  }
  return true;
}

void PeerConnection::flush() {
  is_marked_ = false;
  std::array<iovec, IOV_MAX> pieces;
  while (is_open() && !queue_.empty()) {
    size_t bytes = 0;
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = gather(queue_, front_sent_bytes_, pieces, bytes);
    const ssize_t sent = sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) return break_off(std::generic_category().message(errno));
    if (sent > 0) drop_sent(static_cast<size_t>(sent));
    if (sent < 0 || static_cast<size_t>(sent) < bytes) return want_write(true);
  }
  want_write(false);
}

void PeerConnection::drop_sent(size_t bytes) {
  queued_bytes_ -= bytes;
  bytes += front_sent_bytes_;
  while (!queue_.empty() && bytes >= queue_.front().size()) {
    bytes -= queue_.front().size();
    queue_.pop_front();
  }
  front_sent_bytes_ = bytes;
}

void PeerConnection::want_write(bool wanted) {
  if (!is_open() || wanted == is_blocked_) return;
  is_blocked_ = wanted;
  loop_.update(fd_, true, wanted);
}

void PeerConnection::close() {
  if (!is_open()) return;
  loop_.unwatch(fd_);
  ::close(std::exchange(fd_, -1));
  queue_.clear();
  queued_bytes_ = front_sent_bytes_ = 0;
}

void PeerConnection::break_off(const std::string& reason) {
  close();
  owner_.on_broken(*this, reason);
}

void PeerConnection::on_ready(bool is_readable, bool is_writable) {
  if (is_writable) flush();
  if (is_readable && is_open()) receive();
}

void PeerConnection::receive() {
  for (size_t total = 0; total < kReceiveBytesPerTurn;) {
    const std::span<char> space = splitter_.want();
    const ssize_t count = recv(fd_, space.data(), space.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) return break_off(std::generic_category().message(errno));
    if (count == 0) return break_off("hung up");
    total += static_cast<size_t>(count);
    const bool is_drained = static_cast<size_t>(count) < space.size();
    const Status split = splitter_.advance(static_cast<size_t>(count), bodies_);
    // The owner may close this connection in the middle: the rest was received, but nobody wants it any more.
    for (Bytes& body : std::exchange(bodies_, {})) {
      if (is_open()) owner_.on_frame(*this, std::move(body));
    }
    if (!is_open()) return;
    if (!split.ok()) return break_off(split.error().message);
    if (is_drained) return;
  }
}

}  // namespace torc::net
