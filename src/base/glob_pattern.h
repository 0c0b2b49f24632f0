// Redis's glob patterns (*, ?, [a-c], [^x], \x), for CONFIG GET and SCAN.
#pragma once

#include <string_view>

namespace torc {

enum class LetterCase { kMatters, kIgnored };  // of ASCII letters

/// Cost: O(pattern * text) at worst.
bool matches_glob(std::string_view pattern, std::string_view text, LetterCase letter_case);

}  // namespace torc
