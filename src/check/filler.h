// Long values in histories, written short, so that a checker can keep thousands of values of 32 MiB.
//
// In a text "\xff" digits "\xff" stands for the first so many bytes of the filler: bytes that tell at each place how
// far it is from the filler's beginning, so that a piece that is lost, doubled or misplaced is noticed. 0xff is never
// part of UTF-8, so no history that was read from a file contains it, and no text of ours begins with a byte of the
// filler.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace torc::check {

/// `text` followed by `bytes` of filler, in the short form.
std::string filled(std::string text, uint64_t bytes);
/// The short form of what a value really consists of, and back.
std::string shortened(std::string_view bytes);
std::string expanded(std::string_view text);
/// How long it is in full.
uint64_t expanded_bytes(std::string_view text);

/// Calls on_byte(char) for each byte outside of fillers and on_filler(uint64_t bytes) for each filler, in order.
template <typename OnByte, typename OnFiller>
void for_each_part(std::string_view text, const OnByte& on_byte, const OnFiller& on_filler);

constexpr char kFillerMark = '\xff';

template <typename OnByte, typename OnFiller>
void for_each_part(std::string_view text, const OnByte& on_byte, const OnFiller& on_filler) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != kFillerMark) {
      on_byte(text[i]);
      continue;
    }
    const size_t begin = ++i;
    uint64_t bytes = 0;
    for (; i < text.size() && text[i] != kFillerMark; ++i) bytes = bytes * 10 + static_cast<uint64_t>(text[i] - '0');
    if (i == begin) {
      on_byte(kFillerMark);  // two marks: the byte itself
    } else {
      on_filler(bytes);
    }
  }
}

}  // namespace torc::check
