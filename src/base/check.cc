#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace torc {

CheckFailure::CheckFailure(const char* condition, const char* file, int line) {
  context_ << file << ":" << line << ": CHECK(" << condition << ") failed: ";
}

CheckFailure::~CheckFailure() {
  std::fprintf(stderr, "%s\n", context_.str().c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace torc
