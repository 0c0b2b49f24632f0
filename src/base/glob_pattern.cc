#include "base/glob_pattern.h"

#include <cstddef>

namespace torc {
namespace {

char folded(char c, LetterCase letter_case) {
  return letter_case == LetterCase::kIgnored && c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// Matches one character against the "[...]" at the front of `pattern` and sets `taken` to its length.
bool matches_class(std::string_view pattern, char c, LetterCase letter_case, size_t& taken) {
  size_t i = 1;
  const bool is_negated = i < pattern.size() && pattern[i] == '^';
  if (is_negated) ++i;
  bool found = false;
  for (; i < pattern.size() && pattern[i] != ']'; ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
    const char first = folded(pattern[i], letter_case);
    char last = first;
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      last = folded(pattern[i + 2], letter_case);
      i += 2;
    }
    found = found || (folded(c, letter_case) >= first && folded(c, letter_case) <= last);
  }
  taken = i < pattern.size() ? i + 1 : i;
  return found != is_negated;
}

/// Matches one character against the front of `pattern`, which is not '*', and sets `taken` to the length of that
/// front.
bool matches_one(std::string_view pattern, char c, LetterCase letter_case, size_t& taken) {
  taken = 1;
  if (pattern[0] == '?') return true;
  if (pattern[0] == '[') return matches_class(pattern, c, letter_case, taken);
  if (pattern[0] == '\\' && pattern.size() > 1) taken = 2;
  return folded(pattern[taken - 1], letter_case) == folded(c, letter_case);
}

}  // namespace

bool matches_glob(std::string_view pattern, std::string_view text, LetterCase letter_case) {
  constexpr size_t kNone = std::string_view::npos;
  size_t p = 0;
  size_t t = 0;
  size_t after_star = kNone;  // where to go on when the latest '*' has to swallow one character more
  size_t star_text = 0;
  while (t < text.size()) {
    size_t taken = 0;
    if (p < pattern.size() && pattern[p] == '*') {
      after_star = ++p;
      star_text = t;
    } else if (p < pattern.size() && matches_one(pattern.substr(p), text[t], letter_case, taken)) {
      p += taken;
      ++t;
    } else if (after_star != kNone) {
      p = after_star;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace torc
