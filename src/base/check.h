// Assertions that are always on. CHECK is for our own bugs, never for bytes that came from a network or a disk.
#pragma once

#include <sstream>

namespace torc {

/// Collects the context of a failed CHECK; prints it and aborts the process when destroyed.
class CheckFailure {
 public:
  CheckFailure(const char* condition, const char* file, int line);
  CheckFailure(const CheckFailure&) = delete;
  CheckFailure& operator=(const CheckFailure&) = delete;
  [[noreturn]] ~CheckFailure();
  std::ostream& stream() { return context_; }

 private:
  std::ostringstream context_;
};

}  // namespace torc

/// Aborts with file, line and the streamed context unless `condition` holds: CHECK(a <= b) << "a=" << a;
#define CHECK(condition) \
  if (condition)         \
    [[likely]];          \
  else                   \
    ::torc::CheckFailure(#condition, __FILE__, __LINE__).stream()
