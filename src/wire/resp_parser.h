// The server's side of RESP: cuts commands (arrays of bulks, and inline lines) off a buffer that the caller owns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kv/limits.h"

namespace torc::wire {

constexpr size_t kArgumentsMax = kv::kArgsMax;
constexpr size_t kBulkBytesMax = kv::kValueBytesMax;  // told to clients as proto-max-bulk-len
constexpr size_t kInlineBytesMax = 64u << 10;         // as Redis
/// A whole command. RESP has six bytes or more beside each argument where an operation of an entry has four at most, so
/// what passes here is within the limit of an operation, an inline command of empty arguments included.
constexpr size_t kRequestBytesMax = kv::kOperationBytesMax - (32u << 10);
static_assert(kRequestBytesMax + kv::kOperationHeadBytesMax <= kv::kOperationBytesMax);
static_assert(kInlineBytesMax * (1 + kv::kArgumentHeadBytesMax) + kv::kOperationHeadBytesMax <= kv::kOperationBytesMax);

/// Looks at each byte once, however slowly a command arrives, and copies only inline arguments with escapes. Memory
/// follows the bytes received, never an announced size.
class RespParser {
 public:
  enum class Outcome : uint8_t {
    kCommand,   // args() and consumed() are set; args() is empty for a blank line or "*0": nothing to do, nothing to
                // answer
    kNeedMore,  // call again with the same bytes and more behind them; they may have moved in memory
    kError,     // error() is set; the stream cannot be followed any more: answer and close
  };

  /// `unread` begins at the first byte not consumed by earlier commands.
  Outcome next(std::string_view unread);

  /// Name first. Views into the bytes given to next(), or into the parser (inline, with escapes) until its next call.
  std::span<const std::string_view> args() const { return args_; }
  /// Length of the command in the bytes given to next().
  size_t consumed() const { return consumed_; }
  /// Bytes the command under way takes at least, from its first byte on, as far as it has announced: a hint for
  /// receiving, never for allocating.
  size_t bytes_expected() const { return bytes_expected_; }
  /// Heap bytes held beside the input: of a command of a million empty arguments five times as much as it has sent.
  size_t capacity_bytes() const {
    return slices_.capacity() * sizeof(Slice) + args_.capacity() * sizeof(std::string_view) + unescaped_.capacity();
  }
  /// "ERR Protocol error: ...", in Redis's words where Redis has the error.
  const std::string& error() const { return error_; }

 private:
  enum class State : uint8_t { kStart, kMultibulk, kInline };
  struct Slice {
    uint32_t offset;
    uint32_t bytes;
  };
  enum class Line : uint8_t { kNumber, kPartial, kMalformed };

  Outcome next_inline(std::string_view unread);
  Outcome next_multibulk(std::string_view unread);
  bool read_multibulk_head(std::string_view unread, Outcome& outcome);
  bool read_bulk_head(std::string_view unread, Outcome& outcome);
  Line take_number(std::string_view unread, int64_t& number);
  Outcome fail(std::string_view text);

  State state_ = State::kStart;
  size_t cursor_ = 0;  // of the command under way: everything before is understood (inline: holds no line end)
  int64_t bulks_missing_ = 0;
  int64_t bulk_bytes_ = -1;    // of the bulk under way; -1: its head is still missing
  std::vector<Slice> slices_;  // offsets rather than views: the buffer may move between calls
  std::vector<std::string_view> args_;
  std::string unescaped_;
  size_t consumed_ = 0;
  size_t bytes_expected_ = 0;
  std::string error_;
};

/// Splits a line into arguments by Redis's quoting rules: "..." with \n \r \t \b \a \xHH and \<char>, '...' with \'
/// only. Arguments without escapes are views into `line`, the others into `unescaped`, which is cleared first. Returns
/// false for unbalanced quotes or text right behind a closing quote.
bool split_inline(std::string_view line, std::vector<std::string_view>& args, std::string& unescaped);

}  // namespace torc::wire
