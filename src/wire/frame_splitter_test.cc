#include "wire/frame_splitter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/codec.h"
#include "base/prng.h"
#include "wire/peer_message.h"

namespace torc::wire {
namespace {

std::string frame(std::string_view body) {
  std::string bytes;
  put_u32(bytes, static_cast<uint32_t>(body.size()));
  return bytes.append(body);
}

/// Receives `stream` in pieces of at most `next_piece()` bytes, as a socket would.
std::vector<Bytes> split(std::string_view stream, const auto& next_piece) {
  FrameSplitter splitter;
  std::vector<Bytes> bodies;
  while (!stream.empty()) {
    const std::span<char> want = splitter.want();
    const size_t count = std::min({want.size(), stream.size(), static_cast<size_t>(next_piece())});
    std::memcpy(want.data(), stream.data(), count);
    stream.remove_prefix(count);
    EXPECT_TRUE(splitter.advance(count, bodies).ok());
  }
  return bodies;
}

std::string body_of(size_t size) {
  std::string body(size, '\0');
  for (size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i * 31 + size);
  return body;
}

TEST(FrameSplitter, CutsFramesOfAllSizesHoweverTheyArrive) {
  const std::vector<size_t> sizes = {0, 1, 3, 100, 65531, 65532, 65533, 65536, 1u << 20, 5, 3u << 20, 7};
  std::string stream;
  for (size_t size : sizes) stream += frame(body_of(size));
  Prng prng(3);
  for (size_t piece_max : {size_t{1}, size_t{7}, size_t{5000}, size_t{200000}, stream.size()}) {
    const std::vector<Bytes> bodies =
        split(stream, [&] { return piece_max < 8 ? piece_max : prng.between(1, piece_max); });
    ASSERT_EQ(bodies.size(), sizes.size());
    for (size_t i = 0; i < sizes.size(); ++i) EXPECT_EQ(bodies[i].view(), body_of(sizes[i])) << sizes[i];
  }
}

TEST(FrameSplitter, BodiesOutliveTheSplitter) {
  std::vector<Bytes> bodies = split(frame("one") + frame("two"), [] { return 100; });
  EXPECT_EQ(bodies[0].view(), "one");
  EXPECT_EQ(bodies[1].view(), "two");
}

Status announce(size_t bytes, size_t& wanted) {
  FrameSplitter splitter;
  std::string head;
  put_u32(head, static_cast<uint32_t>(bytes));
  std::memcpy(splitter.want().data(), head.data(), head.size());
  std::vector<Bytes> bodies;
  Status status = splitter.advance(head.size(), bodies);
  wanted = splitter.want().size();
  return status;
}

TEST(FrameSplitter, AFrameOfTheLimitIsTakenAndOneAboveIsRefused) {
  size_t wanted = 0;
  EXPECT_TRUE(announce(kFrameBytesMax, wanted).ok());
  EXPECT_LT(wanted, size_t{2} << 20) << "an announced size must not be allocated";
  EXPECT_FALSE(announce(kFrameBytesMax + 1, wanted).ok());
  EXPECT_FALSE(announce(UINT32_MAX, wanted).ok());
}

}  // namespace
}  // namespace torc::wire
