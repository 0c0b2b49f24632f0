// Transport framing of peer connections: [u32 body bytes, little-endian][body] over a byte stream, cut into bodies.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace torc::wire {

constexpr size_t kFrameHeaderBytes = 4;

/// Receives straight into want(), then advance(). Small frames pass through a staging buffer, several per receive; what
/// is missing of a large body is received into its final buffer, which grows with what arrived and not by what was
/// announced.
class FrameSplitter {
 public:
  FrameSplitter();

  /// Where the next received bytes go; never empty. Valid until the next call of a member.
  std::span<char> want();
  /// `count` bytes were written to the front of want(). Appends every body completed by them to `bodies`, in order.
  /// Errors: kInvalid for a frame above kFrameBytesMax; the stream cannot be followed any more, close it.
  Status advance(size_t count, std::vector<Bytes>& bodies);

 private:
  Status split_staged(std::vector<Bytes>& bodies);
  void grow_body();

  std::string staging_;  // fixed size; [0, staged_) holds bytes not yet cut
  size_t staged_ = 0;
  std::string body_;  // of the large frame under way; [0, body_received_) is filled
  size_t body_received_ = 0;
  size_t body_bytes_ = 0;  // announced size of that frame; 0: none under way
};

}  // namespace torc::wire
