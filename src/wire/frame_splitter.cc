#include "wire/frame_splitter.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/codec.h"
#include "wire/peer_message.h"

namespace torc::wire {
namespace {

constexpr size_t kStagingBytes = 64u << 10;
/// First size of a large body's buffer: a chunk of the bulk channel (rules.md#two-connections) fits without moving.
constexpr size_t kBodyBytesFirst = (1u << 20) + (64u << 10);

}  // namespace

FrameSplitter::FrameSplitter() : staging_(kStagingBytes, '\0') {}

std::span<char> FrameSplitter::want() {
  if (body_bytes_ == 0) return std::span(staging_).subspan(staged_);
  if (body_received_ == body_.size()) grow_body();
  return std::span(body_).subspan(body_received_);
}

void FrameSplitter::grow_body() { body_.resize(std::min(body_bytes_, std::max(kBodyBytesFirst, 2 * body_received_))); }

Status FrameSplitter::advance(size_t count, std::vector<Bytes>& bodies) {
  if (body_bytes_ == 0) {
    CHECK(count <= staging_.size() - staged_) << count;
    staged_ += count;
    return split_staged(bodies);
  }
  CHECK(count <= body_.size() - body_received_) << count;
  body_received_ += count;
  if (body_received_ == body_bytes_) {
    bodies.emplace_back(std::move(body_));
    body_.clear();
    body_received_ = body_bytes_ = 0;
  }
  return {};
}

Status FrameSplitter::split_staged(std::vector<Bytes>& bodies) {
  size_t cut = 0;
  while (staged_ - cut >= kFrameHeaderBytes) {
    const size_t bytes = load_u32(staging_.data() + cut);
    if (bytes > kFrameBytesMax) {
      return Error{ErrorCode::kInvalid, "peer frame of " + std::to_string(bytes) + " bytes"};
    }
    const size_t begin = cut + kFrameHeaderBytes;
    const size_t here = std::min(bytes, staged_ - begin);
    if (here == bytes) {
      bodies.push_back(Bytes::copy_of(std::string_view(staging_).substr(begin, bytes)));
      cut = begin + bytes;
      continue;
    }
    if (kFrameHeaderBytes + bytes <= staging_.size()) break;  // fits once it has moved to the front
    body_bytes_ = bytes;
    body_received_ = here;
    grow_body();
    std::memcpy(body_.data(), staging_.data() + begin, here);
    cut = staged_;
  }
  std::memmove(staging_.data(), staging_.data() + cut, staged_ - cut);
  staged_ -= cut;
  return {};
}

}  // namespace torc::wire
