#include "check/filler.h"

#include <cstring>

namespace torc::check {
namespace {

constexpr size_t kWordBytes = 8;

/// The filler's n-th eight bytes: seven bits of n in each, lowest first, all with the highest bit set.
uint64_t word_of(uint64_t n) {
  uint64_t word = 0x8080'8080'8080'8080u;
  for (size_t i = 0; i < 5; ++i) word |= ((n >> (7 * i)) & 0x7f) << (8 * i);
  return word;
}

char byte_of(uint64_t position) {
  return static_cast<char>(word_of(position / kWordBytes) >> (8 * (position % kWordBytes)));
}

/// How much of the filler stands at the beginning of `bytes`.
size_t filler_at(std::string_view bytes) {
  size_t count = 0;
  for (uint64_t word; bytes.size() - count >= kWordBytes; count += kWordBytes) {
    std::memcpy(&word, bytes.data() + count, kWordBytes);
    if (word != word_of(count / kWordBytes)) break;
  }
  while (count < bytes.size() && bytes[count] == byte_of(count)) ++count;
  return count;
}

}  // namespace

std::string filled(std::string text, uint64_t bytes) {
  if (bytes > 0) text += kFillerMark + std::to_string(bytes) + kFillerMark;
  return text;
}

std::string shortened(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    if (const size_t count = bytes[0] == byte_of(0) ? filler_at(bytes) : 0; count > 0) {
      text = filled(std::move(text), count);
      bytes.remove_prefix(count);
      continue;
    }
    text += bytes[0];
    if (bytes[0] == kFillerMark) text += kFillerMark;
    bytes.remove_prefix(1);
  }
  return text;
}

std::string expanded(std::string_view text) {
  std::string bytes;
  bytes.reserve(expanded_bytes(text));
  for_each_part(
      text, [&](char byte) { bytes += byte; },
      [&](uint64_t count) {
        const size_t begin = bytes.size();
        bytes.resize(begin + count);
        for (uint64_t at = 0; at < count; at += kWordBytes) {
          const uint64_t word = word_of(at / kWordBytes);
          std::memcpy(&bytes[begin + at], &word, std::min<uint64_t>(kWordBytes, count - at));
        }
      });
  return bytes;
}

uint64_t expanded_bytes(std::string_view text) {
  uint64_t total = 0;
  for_each_part(
      text, [&](char) { ++total; }, [&](uint64_t count) { total += count; });
  return total;
}

}  // namespace torc::check
