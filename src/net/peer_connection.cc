#include "net/peer_connection.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/codec.h"

namespace torc::net {
namespace {

constexpr std::string_view kMagic = "TORCPEER";
constexpr uint32_t kVersion = 1;
constexpr size_t kChunksPerSendMax = 256;             // of one sendmsg; IOV_MAX is 1024
constexpr size_t kReceiveBytesPerTurnMax = 4u << 20;  // so that one peer cannot hold up the loop

}  // namespace

std::string encode_hello(const PeerHello& hello) {
  std::string bytes(kMagic);
  put_u32(bytes, kVersion);
  put_u8(bytes, static_cast<uint8_t>(hello.channel));
  bytes.append(3, '\0');
  put_u64(bytes, hello.sender.value);
  put_u64(bytes, hello.receiver.value);
  return bytes;
}

std::optional<PeerHello> decode_hello(std::string_view bytes) {
  Reader reader(bytes);
  if (reader.take(kMagic.size()) != kMagic || reader.u32() != kVersion) return std::nullopt;
  const uint8_t channel = reader.u8();
  reader.take(3);
  PeerHello hello;
  hello.sender = NodeId(reader.u64());
  hello.receiver = NodeId(reader.u64());
  if (!reader.at_end() || channel > static_cast<uint8_t>(env::Channel::kBulk)) return std::nullopt;
  hello.channel = static_cast<env::Channel>(channel);
  return hello;
}

PeerConnection::PeerConnection(host::EventLoop& loop, Owner& owner, int descriptor, bool is_connecting)
    : loop_(loop),
      owner_(owner),
      descriptor_(descriptor),
      is_connecting_(is_connecting),
      wants_write_(is_connecting),
      opened_at_(loop.clock().now()) {
  loop_.watch(descriptor_, this, true, wants_write_);
}

PeerConnection::~PeerConnection() {
  if (descriptor_ < 0) return;
  loop_.unwatch(descriptor_);
  ::close(descriptor_);
}

void PeerConnection::close() {
  if (descriptor_ < 0) return;
  loop_.unwatch(descriptor_);
  ::close(std::exchange(descriptor_, -1));
  queue_.clear();
  queued_bytes_ = front_sent_ = 0;
  owner_.on_closed(*this);
}

void PeerConnection::want(bool write) {
  if (write == wants_write_) return;
  wants_write_ = write;
  loop_.update(descriptor_, true, write);
}

void PeerConnection::send_hello(const PeerHello& hello) {
  queue_.emplace_back(encode_hello(hello));
  queued_bytes_ += kPeerHelloBytes;
}

bool PeerConnection::send(ByteChain body, size_t queue_bytes_max) {
  const size_t body_bytes = body.size();
  if (descriptor_ < 0 || queued_bytes_ + body_bytes > queue_bytes_max) return false;
  std::string head;
  head.reserve(wire::kFrameHeaderBytes + body.head.size());
  put_u32(head, static_cast<uint32_t>(body_bytes));
  head += body.head;
  queued_bytes_ += head.size();
  queue_.emplace_back(std::move(head));
  for (Bytes& part : body.tail) {
    if (part.empty()) continue;
    queued_bytes_ += part.size();
    queue_.push_back(std::move(part));
  }
  return true;
}

void PeerConnection::flush() {
  while (descriptor_ >= 0 && !is_connecting_ && !queue_.empty()) {
    std::array<iovec, kChunksPerSendMax> chunks;
    size_t count = 0;
    for (auto part = queue_.begin(); part != queue_.end() && count < chunks.size(); ++part, ++count) {
      const std::string_view bytes = part->view().substr(count == 0 ? front_sent_ : 0);
      chunks[count] = {const_cast<char*>(bytes.data()), bytes.size()};
    }
    msghdr message{};
    message.msg_iov = chunks.data();
    message.msg_iovlen = count;
    const ssize_t sent = sendmsg(descriptor_, &message, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return want(true);
      return close();
    }
    queued_bytes_ -= static_cast<size_t>(sent);
    for (size_t left = static_cast<size_t>(sent); left > 0;) {
      const size_t of_front = std::min(left, queue_.front().size() - front_sent_);
      left -= of_front;
      front_sent_ += of_front;
      if (front_sent_ < queue_.front().size()) break;
      queue_.pop_front();
      front_sent_ = 0;
    }
  }
  if (descriptor_ >= 0 && !is_connecting_) want(false);
}

void PeerConnection::on_ready(bool is_readable, bool is_writable) {
  if (is_connecting_ && (is_writable || is_readable)) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) return close();
    if (!is_writable) return;
    is_connecting_ = false;
    flush();
    if (descriptor_ < 0) return;
  }
  if (is_readable) receive();
  if (is_writable && descriptor_ >= 0) flush();
}

void PeerConnection::receive() {
  for (size_t total = 0; total < kReceiveBytesPerTurnMax;) {
    std::array<char, kPeerHelloBytes> first;
    const std::span<char> space =
        is_established_ ? splitter_.want() : std::span<char>(first).first(kPeerHelloBytes - hello_.size());
    const ssize_t received = recv(descriptor_, space.data(), space.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (received <= 0) return close();
    const auto count = static_cast<size_t>(received);
    if (!is_established_) {
      hello_.append(first.data(), count);
      if (hello_.size() == kPeerHelloBytes && !take_hello()) return;
      continue;
    }
    bodies_.clear();
    const Status split = splitter_.advance(count, bodies_);
    for (Bytes& body : bodies_) {
      owner_.on_body(*this, std::move(body));
      if (descriptor_ < 0) return;
    }
    if (!split.ok()) return close();
    if (count < space.size()) return;  // the socket is empty
    total += count;
  }
}

bool PeerConnection::take_hello() {
  const std::optional<PeerHello> hello = decode_hello(hello_);
  is_established_ = true;
  if (hello && owner_.on_hello(*this, *hello)) return descriptor_ >= 0;
  if (descriptor_ >= 0) close();
  return false;
}

}  // namespace torc::net
