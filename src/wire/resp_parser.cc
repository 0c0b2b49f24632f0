#include "wire/resp_parser.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace torc::wire {
namespace {

static_assert(kRequestBytesMax <= UINT32_MAX, "slices hold 32-bit offsets");

constexpr std::ptrdiff_t kCountDigitsMax = 18;  // any more would be above every limit, and could overflow
/// A long command's vectors are given back afterwards; those of usual commands are kept.
constexpr size_t kKeptArgsMax = 128;

size_t find_byte(std::string_view bytes, char byte, size_t from) {
  const void* found = from < bytes.size() ? std::memchr(bytes.data() + from, byte, bytes.size() - from) : nullptr;
  return found == nullptr ? std::string_view::npos
                          : static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
}

}  // namespace

RespParser::Outcome RespParser::next(std::string_view unread) {
  if (state_ == State::kStart) {
    if (slices_.capacity() > kKeptArgsMax) slices_ = {};
    if (args_.capacity() > kKeptArgsMax) args_ = {};
    if (unread.empty()) return Outcome::kNeedMore;
    state_ = unread[0] == '*' ? State::kMultibulk : State::kInline;
    cursor_ = 0;
    bulks_missing_ = -1;
    bulk_bytes_ = -1;
    bytes_expected_ = 0;
    slices_.clear();
  }
  return state_ == State::kMultibulk ? next_multibulk(unread) : next_inline(unread);
}

RespParser::Outcome RespParser::next_inline(std::string_view unread) {
  const size_t end = find_byte(unread, '\n', cursor_);
  if (std::min(end, unread.size()) > kInlineBytesMax) return fail("too big inline request");
  if (end == std::string_view::npos) {
    cursor_ = unread.size();
    return Outcome::kNeedMore;
  }
  std::string_view line = unread.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!split_inline(line, args_, unescaped_)) return fail("unbalanced quotes in request");
  consumed_ = end + 1;
  state_ = State::kStart;
  return Outcome::kCommand;
}

RespParser::Outcome RespParser::next_multibulk(std::string_view unread) {
  Outcome outcome = Outcome::kNeedMore;
  if (bulks_missing_ < 0 && !read_multibulk_head(unread, outcome)) return outcome;
  while (bulks_missing_ > 0) {
    if (bulk_bytes_ < 0 && !read_bulk_head(unread, outcome)) return outcome;
    const auto bytes = static_cast<size_t>(bulk_bytes_);
    if (unread.size() < cursor_ + bytes + 2) return Outcome::kNeedMore;
    if (unread[cursor_ + bytes] != '\r' || unread[cursor_ + bytes + 1] != '\n')
      return fail("bulk longer than announced");
    slices_.push_back({static_cast<uint32_t>(cursor_), static_cast<uint32_t>(bytes)});
    cursor_ += bytes + 2;
    bulk_bytes_ = -1;
    --bulks_missing_;
  }
  args_.clear();
  for (const Slice slice : slices_) args_.push_back(unread.substr(slice.offset, slice.bytes));
  consumed_ = cursor_;
  state_ = State::kStart;
  return Outcome::kCommand;
}

/// "*<count>\r\n"; false with the outcome if the head is incomplete or wrong.
bool RespParser::read_multibulk_head(std::string_view unread, Outcome& outcome) {
  int64_t count = 0;
  const Line line = take_number(unread, count);
  if (line == Line::kPartial) return false;
  if (line == Line::kMalformed || count > static_cast<int64_t>(kArgumentsMax)) {
    outcome = fail("invalid multibulk length");
    return false;
  }
  bulks_missing_ = std::max<int64_t>(count, 0);
  return true;
}

/// "$<length>\r\n"; false with the outcome if the head is incomplete or wrong.
bool RespParser::read_bulk_head(std::string_view unread, Outcome& outcome) {
  if (cursor_ == unread.size()) return false;
  if (unread[cursor_] != '$') {
    outcome = fail(std::string("expected '$', got '") + unread[cursor_] + "'");
    return false;
  }
  int64_t bytes = 0;
  const Line line = take_number(unread, bytes);
  if (line == Line::kPartial) return false;
  if (line == Line::kMalformed || bytes < 0 || bytes > static_cast<int64_t>(kBulkBytesMax)) {
    outcome = fail("invalid bulk length");
    return false;
  }
  bytes_expected_ = cursor_ + static_cast<size_t>(bytes) + 2;
  if (bytes_expected_ > kRequestBytesMax) {
    outcome = fail("too big request");
    return false;
  }
  bulk_bytes_ = bytes;
  return true;
}

/// Reads "<type><number>\r\n" at the cursor and moves behind it. Canonical integers only (Redis's string2ll).
RespParser::Line RespParser::take_number(std::string_view unread, int64_t& number) {
  const char* at = unread.data() + cursor_ + 1;
  const char* const end = unread.data() + unread.size();
  const bool is_negative = at < end && *at == '-';
  if (is_negative) ++at;
  const char* const digits = at;
  int64_t value = 0;
  while (at < end && *at >= '0' && *at <= '9') {
    if (at - digits == kCountDigitsMax) return Line::kMalformed;
    value = value * 10 + (*at++ - '0');
  }
  if (at - digits > 1 && *digits == '0') return Line::kMalformed;
  if (at == end) return Line::kPartial;
  if (at == digits || *at != '\r') return Line::kMalformed;
  if (at + 1 == end) return Line::kPartial;
  if (at[1] != '\n') return Line::kMalformed;
  number = is_negative ? -value : value;
  cursor_ = static_cast<size_t>(at + 2 - unread.data());
  return Line::kNumber;
}

RespParser::Outcome RespParser::fail(std::string_view text) {
  error_ = "ERR Protocol error: ";
  error_ += text;
  return Outcome::kError;
}

}  // namespace torc::wire
