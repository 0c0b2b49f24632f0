#include "wire/resp_encoder.h"

#include <algorithm>
#include <cstring>

#include "wire/resp_number.h"

namespace torc::wire {
namespace {

/// Short values are put together on the stack and appended in one go: one capacity check instead of three.
constexpr size_t kShortBulkBytesMax = 96;

}  // namespace

void RespEncoder::integer(int64_t value) {
  if (value >= 0 && value <= 9) {  // most answers of DEL, EXISTS, EXPIRE, CAS
    const char small[] = {':', static_cast<char>('0' + value), '\r', '\n'};
    out_->append(small, sizeof small);
    return;
  }
  append_head(*out_, ':', value);
}

void RespEncoder::bulk(std::string_view value) {
  if (value.size() > kShortBulkBytesMax) {
    append_head(*out_, '$', static_cast<int64_t>(value.size()));
    out_->append(value);
    out_->append("\r\n", 2);
    return;
  }
  char text[kShortBulkBytesMax + 8];
  char* end = text;
  *end++ = '$';
  if (value.size() >= 10) *end++ = static_cast<char>('0' + value.size() / 10);
  *end++ = static_cast<char>('0' + value.size() % 10);
  *end++ = '\r';
  *end++ = '\n';
  if (!value.empty()) std::memcpy(end, value.data(), value.size());
  end += value.size();
  *end++ = '\r';
  *end++ = '\n';
  out_->append(text, static_cast<size_t>(end - text));
}

void RespEncoder::nil() { is_resp3() ? out_->append("_\r\n", 3) : out_->append("$-1\r\n", 5); }

void RespEncoder::array(size_t count) { append_head(*out_, '*', static_cast<int64_t>(count)); }

void RespEncoder::map(size_t count) {
  is_resp3() ? append_head(*out_, '%', static_cast<int64_t>(count)) : array(2 * count);
}

void RespEncoder::set(size_t count) {
  is_resp3() ? append_head(*out_, '~', static_cast<int64_t>(count)) : array(count);
}

void RespEncoder::verbatim(std::string_view text) {
  if (!is_resp3()) return bulk(text);
  append_head(*out_, '=', static_cast<int64_t>(text.size() + 4));
  out_->append("txt:", 4).append(text).append("\r\n", 2);
}

void RespEncoder::line(char type, std::string_view text) {
  out_->push_back(type);
  const size_t begin = out_->size();
  out_->append(text);
  std::replace_if(
      out_->begin() + static_cast<std::ptrdiff_t>(begin), out_->end(), [](char c) { return c == '\r' || c == '\n'; },
      ' ');
  out_->append("\r\n", 2);
}

}  // namespace torc::wire
