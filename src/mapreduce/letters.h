// Which bytes of a text belong to letters: ASCII by SIMD masks, the rest of Unicode by a table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace torc::mapreduce {

constexpr size_t kMaskBytes = 64;  // of text, for one mask

/// Bit i of masks[k] says whether byte 64 * k + i belongs to a letter; all bytes of a letter's UTF-8 do. What is not
/// UTF-8 is no letter; a sequence that the end of the text cuts off is none either. Requires: the bytes up to the next
/// multiple of kMaskBytes can be read (their bits are 0), room for as many masks.
void mark_letters(std::string_view text, uint64_t* masks);

/// How many bytes at the end of a text may be the beginning of a UTF-8 sequence that goes on behind it; 0 to 3.
size_t cut_off_bytes(std::string_view text);

bool is_letter(uint32_t code_point);

struct LetterRange {
  uint32_t first;
  uint32_t last;
};
extern const LetterRange kLetterRanges[];  // above ASCII, ascending
extern const size_t kLetterRangeCount;

}  // namespace torc::mapreduce
