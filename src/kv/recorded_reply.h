// A reply as compact bytes: kept by sessions for retries, and carried between nodes for forwarded commands.
//
// One tag byte per call, then: status, error, bulk: varint length and bytes; integer: zigzag varint;
// array, map: varint count, the elements follow as replies of their own; refusal: its number in a byte, and never as an
// element; ok, nil: nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "kv/refusal.h"
#include "kv/reply_sink.h"

namespace torc::kv {

/// Appends each call's encoding to a buffer.
class RecordingSink final : public ReplySink {
 public:
  void ok() override;
  void status(std::string_view text) override;
  void error(std::string_view text) override;
  void integer(int64_t value) override;
  void bulk(std::string_view value) override;
  void nil() override;
  void array(size_t count) override;
  void map(size_t count) override;
  void refusal(Refusal refusal) override;

  std::string_view view() const { return bytes_; }
  std::string take() { return std::exchange(bytes_, {}); }
  void clear() { bytes_.clear(); }

 private:
  std::string bytes_;
};

/// Repeats exactly one recorded reply (with its elements) into `sink`. Returns false, having called nothing, unless
/// `bytes` are one well-formed reply and nothing else. Cost: O(bytes), no allocation.
[[nodiscard]] bool replay(std::string_view bytes, ReplySink& sink);
/// The recorded refusal; nothing if `bytes` are another reply, or malformed, or a refusal of a later version.
std::optional<Refusal> recorded_refusal(std::string_view bytes);

}  // namespace torc::kv
