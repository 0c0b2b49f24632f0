// Whether this build is instrumented. For tests alone: a story that is told ten times slower is told less often.
#pragma once

namespace torc {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kIsSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kIsSanitized = true;
#else
inline constexpr bool kIsSanitized = false;
#endif
#else
inline constexpr bool kIsSanitized = false;
#endif

/// A sanitizer looks at each step, not at rare orders of steps: a fifth of the rounds, at least one.
constexpr unsigned rounds_of_test(unsigned rounds) { return kIsSanitized ? (rounds + 4) / 5 : rounds; }

}  // namespace torc
