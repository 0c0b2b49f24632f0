// Redis's glob patterns (*, ?, [a-c], [^x], \x), for CONFIG GET.
#pragma once

#include <string_view>

namespace torc::net {

/// Without regard to the case of ASCII letters. Cost: O(pattern * text) at worst.
bool matches_glob(std::string_view pattern, std::string_view text);

}  // namespace torc::net
