#include "mapreduce/letters.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace torc::mapreduce {
namespace {

/// The functions mark ASCII letters and say whether any byte is above ASCII.
#if defined(__x86_64__)
bool mark_ascii_sse2(const char* text, size_t count, uint64_t* masks) {
  const __m128i case_bit = _mm_set1_epi8(0x20);
  const __m128i a = _mm_set1_epi8('a');
  const __m128i last = _mm_set1_epi8(25);
  __m128i all = _mm_setzero_si128();
  for (size_t k = 0; k < count; ++k) {
    uint64_t mask = 0;
    for (size_t i = 0; i < 4; ++i) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + k * kMaskBytes + 16 * i));
      all = _mm_or_si128(all, bytes);
      const __m128i from_a = _mm_sub_epi8(_mm_or_si128(bytes, case_bit), a);
      const __m128i is_letter = _mm_cmpeq_epi8(_mm_min_epu8(from_a, last), from_a);
      mask |= static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(is_letter))) << (16 * i);
    }
    masks[k] = mask;
  }
  return _mm_movemask_epi8(all) != 0;
}

__attribute__((target("avx2"))) bool mark_ascii_avx2(const char* text, size_t count, uint64_t* masks) {
  const __m256i case_bit = _mm256_set1_epi8(0x20);
  const __m256i a = _mm256_set1_epi8('a');
  const __m256i last = _mm256_set1_epi8(25);
  __m256i all = _mm256_setzero_si256();
  for (size_t k = 0; k < count; ++k) {
    uint64_t mask = 0;
    for (size_t i = 0; i < 2; ++i) {
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + k * kMaskBytes + 32 * i));
      all = _mm256_or_si256(all, bytes);
      const __m256i from_a = _mm256_sub_epi8(_mm256_or_si256(bytes, case_bit), a);
      const __m256i is_letter = _mm256_cmpeq_epi8(_mm256_min_epu8(from_a, last), from_a);
      mask |= static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(is_letter))) << (32 * i);
    }
    masks[k] = mask;
  }
  return _mm256_movemask_epi8(all) != 0;
}
const bool kHasAvx2 = __builtin_cpu_supports("avx2");
#else
bool mark_ascii_one_by_one(const char* text, size_t count, uint64_t* masks) {
  unsigned char all = 0;
  for (size_t k = 0; k < count; ++k) {
    uint64_t mask = 0;
    for (size_t i = 0; i < kMaskBytes; ++i) {
      const auto byte = static_cast<unsigned char>(text[k * kMaskBytes + i]);
      all |= byte;
      mask |= static_cast<uint64_t>(static_cast<unsigned char>((byte | 0x20) - 'a') < 26) << i;
    }
    masks[k] = mask;
  }
  return (all & 0x80) != 0;
}

#endif

bool mark_ascii(const char* text, size_t count, uint64_t* masks) {
#if defined(__x86_64__)
  return kHasAvx2 ? mark_ascii_avx2(text, count, masks) : mark_ascii_sse2(text, count, masks);
#else
  return mark_ascii_one_by_one(text, count, masks);
#endif
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

/// Bytes of the sequence that begins with this byte; 0: none does.
size_t sequence_bytes(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0xc2 && byte < 0xe0) return 2;
  if (byte >= 0xe0 && byte < 0xf0) return 3;
  if (byte >= 0xf0 && byte < 0xf5) return 4;
  return 0;
}

/// The letter that begins the text takes so many bytes; 0: none does. Requires: the first byte is above ASCII.
size_t other_letter_bytes(std::string_view text) {
  static constexpr uint32_t kFirstOfLength[] = {0, 0, 0x80, 0x800, 0x10000};  // below: an overlong form
  const size_t bytes = sequence_bytes(text[0]);
  if (bytes == 0 || bytes > text.size()) return 0;
  uint32_t code = static_cast<unsigned char>(text[0]) & (0x7f >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    if (!is_continuation(text[i])) return 0;
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
  }
  return code >= kFirstOfLength[bytes] && is_letter(code) ? bytes : 0;
}

void mark_others(std::string_view text, uint64_t* masks) {
  for (size_t i = 0; i < text.size();) {
    uint64_t word = 0;
    if (i + 8 <= text.size()) {
      std::memcpy(&word, text.data() + i, 8);
      if ((word & 0x8080808080808080u) == 0) {
        i += 8;
        continue;
      }
    }
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const size_t bytes = other_letter_bytes(text.substr(i));
    for (size_t k = i; k < i + bytes; ++k) masks[k / kMaskBytes] |= uint64_t{1} << (k % kMaskBytes);
    i += std::max<size_t>(bytes, 1);
  }
}

}  // namespace

bool is_letter(uint32_t code_point) {
  if (code_point < 0x80) return (code_point | 0x20) - 'a' < 26;
  const LetterRange* end = kLetterRanges + kLetterRangeCount;
  const LetterRange* range = std::lower_bound(kLetterRanges, end, code_point,
                                              [](const LetterRange& each, uint32_t code) { return each.last < code; });
  return range != end && range->first <= code_point;
}

void mark_letters(std::string_view text, uint64_t* masks) {
  const size_t count = (text.size() + kMaskBytes - 1) / kMaskBytes;
  const bool has_others = mark_ascii(text.data(), count, masks);
  // What lies behind the text may be anything.
  if (const size_t rest = text.size() % kMaskBytes; rest > 0) masks[count - 1] &= (uint64_t{1} << rest) - 1;
  if (has_others) mark_others(text, masks);
}

size_t cut_off_bytes(std::string_view text) {
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const char c = text[text.size() - back];
    if (is_continuation(c)) continue;
    return sequence_bytes(c) > back ? back : 0;
  }
  return 0;
}

}  // namespace torc::mapreduce
