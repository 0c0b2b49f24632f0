// The client's side of RESP: cuts replies (RESP2 and RESP3) off a byte stream. And writes requests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "wire/resp_value.h"

namespace torc::wire {

constexpr size_t kReplyDepthMax = 32;              // arrays in arrays; COMMAND needs 5
constexpr size_t kReplyBulkBytesMax = 512u << 20;  // Redis's own limit of one string
constexpr size_t kReplyElementsMax = 16u << 20;    // of one reply, all levels together
constexpr size_t kReplyLineBytesMax = 64u << 10;   // errors and statuses

/// Feed it what arrived, take whole replies out. Work is linear in the bytes fed, however they are split; memory
/// follows the bytes received, never an announced size.
class RespReplyParser {
 public:
  void feed(std::string_view bytes);
  /// The next whole reply, or nothing until more bytes were fed.
  /// Errors: kInvalid; the stream cannot be followed any more, close it.
  Result<std::optional<RespValue>> next();
  /// Bytes fed that belong to no finished reply: nonzero at the end of the stream means it was cut short.
  size_t bytes_pending() const { return buffer_.size() - position_ + (open_.empty() ? 0 : 1); }

 private:
  /// A container whose elements are still arriving.
  struct Open {
    RespValue value;
    uint64_t missing = 0;
  };
  enum class Step { kValue, kOpened, kNeedMore };

  Result<Step> read_element(RespValue& value);
  Result<Step> read_line_element(char type, std::string_view line, RespValue& value);
  Result<Step> read_bulk(RespValue& value);
  Result<Step> open_container(RespValue::Kind kind, int64_t count, RespValue& value);
  std::optional<std::string_view> take_line();
  void compact();

  std::string buffer_;
  size_t position_ = 0;      // everything before is taken
  size_t line_scanned_ = 0;  // no line end in [position_, line_scanned_)
  char bulk_type_ = 0;       // '$', '=' or '!' while its payload is awaited, else 0
  uint64_t bulk_bytes_ = 0;
  std::vector<Open> open_;
  uint64_t elements_ = 0;  // announced so far in the reply under way
};

/// Appends a request: an array of bulks, as every client sends commands.
void append_request(std::string& out, std::span<const std::string_view> args);

}  // namespace torc::wire
