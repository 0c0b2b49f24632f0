#include "wire/resp_reply_parser.h"

#include <algorithm>
#include <cstring>

#include "wire/resp_number.h"

namespace torc::wire {
namespace {

constexpr size_t kCompactBytesMin = 4096;   // smaller leftovers are not worth moving each time
constexpr size_t kVerbatimPrefixBytes = 4;  // "txt:"

Error invalid(std::string what) { return {ErrorCode::kInvalid, "reply: " + std::move(what)}; }

}  // namespace

void RespReplyParser::feed(std::string_view bytes) {
  compact();
  buffer_.append(bytes);
}

void RespReplyParser::compact() {
  if (position_ == buffer_.size()) {
    buffer_.clear();
  } else if (position_ >= kCompactBytesMin && position_ >= buffer_.size() / 2) {
    buffer_.erase(0, position_);
  } else {
    return;
  }
  line_scanned_ -= std::min(line_scanned_, position_);
  position_ = 0;
}

std::optional<std::string_view> RespReplyParser::take_line() {
  const size_t from = std::max(position_, line_scanned_);
  const void* found = std::memchr(buffer_.data() + from, '\n', buffer_.size() - from);
  if (found == nullptr) {
    line_scanned_ = buffer_.size();
    return std::nullopt;
  }
  const auto end = static_cast<size_t>(static_cast<const char*>(found) - buffer_.data());
  const std::string_view line = std::string_view(buffer_).substr(position_, end - position_);
  position_ = end + 1;
  return line;
}

Result<std::optional<RespValue>> RespReplyParser::next() {
  for (;;) {
    RespValue value;
    Result<Step> step = read_element(value);
    if (!step.ok()) return step.error();
    if (*step == Step::kNeedMore) return std::optional<RespValue>();
    if (*step == Step::kOpened) continue;
    // The value may be the last of its container, which may be the last of its own, and so on.
    while (!open_.empty()) {
      Open& top = open_.back();
      top.value.elements.push_back(std::move(value));
      if (--top.missing > 0) break;
      value = std::move(top.value);
      open_.pop_back();
      if (open_.empty()) {
        elements_ = 0;
        return std::optional<RespValue>(std::move(value));
      }
    }
    if (open_.empty()) {
      elements_ = 0;
      return std::optional<RespValue>(std::move(value));
    }
  }
}

Result<RespReplyParser::Step> RespReplyParser::read_element(RespValue& value) {
  if (bulk_type_ != 0) return read_bulk(value);
  const std::optional<std::string_view> taken = take_line();
  if (!taken) {
    if (buffer_.size() - position_ > kReplyLineBytesMax + 2) return invalid("line too long");
    return Step::kNeedMore;
  }
  std::string_view line = *taken;
  if (line.size() < 2 || line.back() != '\r') return invalid("line without a type or a carriage return");
  line.remove_suffix(1);
  if (line.size() > 1 + kReplyLineBytesMax) return invalid("line too long");
  return read_line_element(line[0], line.substr(1), value);
}

Result<RespReplyParser::Step> RespReplyParser::read_line_element(char type, std::string_view line, RespValue& value) {
  using Kind = RespValue::Kind;
  const auto text = [&](Kind kind) {
    value.kind = kind;
    value.text = line;
    return Step::kValue;
  };
  const std::optional<int64_t> number = parse_integer(line);
  switch (type) {
    case '+':
      return text(Kind::kStatus);
    case '-':
      return text(Kind::kError);
    case ',':
      return text(Kind::kDouble);
    case '(':
      return text(Kind::kBigNumber);
    case '_':
      if (!line.empty()) return invalid("bad null");
      return Step::kValue;
    case ':':
      if (!number) return invalid("bad integer");
      value.kind = Kind::kInteger;
      value.integer = *number;
      return Step::kValue;
    case '#':
      if (line != "t" && line != "f") return invalid("bad boolean");
      value.kind = Kind::kBoolean;
      value.integer = line == "t" ? 1 : 0;
      return Step::kValue;
    case '$':
    case '=':
    case '!':
      if (number == -1 && type == '$') return Step::kValue;
      if (!number || *number < 0 || static_cast<uint64_t>(*number) > kReplyBulkBytesMax) return invalid("bad length");
      bulk_type_ = type;
      bulk_bytes_ = static_cast<uint64_t>(*number);
      return read_bulk(value);
    case '*':
      if (number == -1) return Step::kValue;
      return open_container(Kind::kArray, number.value_or(-1), value);
    case '~':
      return open_container(Kind::kSet, number.value_or(-1), value);
    case '>':
      return open_container(Kind::kPush, number.value_or(-1), value);
    case '%':
      return open_container(Kind::kMap, number.value_or(-1), value);
    default:
      return invalid("unknown type byte " + std::to_string(static_cast<unsigned char>(type)));
  }
}

Result<RespReplyParser::Step> RespReplyParser::read_bulk(RespValue& value) {
  if (buffer_.size() - position_ < bulk_bytes_ + 2) return Step::kNeedMore;
  std::string_view payload = std::string_view(buffer_).substr(position_, bulk_bytes_);
  if (buffer_[position_ + bulk_bytes_] != '\r' || buffer_[position_ + bulk_bytes_ + 1] != '\n') {
    return invalid("string longer than announced");
  }
  value.kind = RespValue::Kind::kBulk;
  if (bulk_type_ == '!') value.kind = RespValue::Kind::kError;
  if (bulk_type_ == '=') {
    if (payload.size() < kVerbatimPrefixBytes || payload[3] != ':') return invalid("verbatim string without a format");
    payload.remove_prefix(kVerbatimPrefixBytes);
    value.kind = RespValue::Kind::kVerbatim;
  }
  value.text = payload;
  position_ += bulk_bytes_ + 2;
  bulk_type_ = 0;
  return Step::kValue;
}

Result<RespReplyParser::Step> RespReplyParser::open_container(RespValue::Kind kind, int64_t count, RespValue& value) {
  if (count < 0) return invalid("bad count");
  const uint64_t announced = static_cast<uint64_t>(count);
  if (announced > kReplyElementsMax) return invalid("too many elements");
  const uint64_t missing = kind == RespValue::Kind::kMap ? 2 * announced : announced;
  elements_ += missing;
  if (elements_ > kReplyElementsMax) return invalid("too many elements");
  value.kind = kind;
  if (missing == 0) return Step::kValue;
  if (open_.size() == kReplyDepthMax) return invalid("nested too deeply");
  open_.push_back({std::move(value), missing});
  return Step::kOpened;
}

void append_request(std::string& out, std::span<const std::string_view> args) {
  append_head(out, '*', static_cast<int64_t>(args.size()));
  for (std::string_view arg : args) {
    append_head(out, '$', static_cast<int64_t>(arg.size()));
    out.append(arg).append("\r\n");
  }
}

}  // namespace torc::wire
