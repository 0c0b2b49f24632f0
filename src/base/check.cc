#include "base/check.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace torc {
namespace {

/// A pipe on standard error that nobody reads must not keep a process alive that can no longer be trusted.
constexpr unsigned kSecondsToPrint = 2;

}  // namespace

CheckFailure::CheckFailure(const char* condition, const char* file, int line) {
  context_ << file << ":" << line << ": CHECK(" << condition << ") failed: ";
}

CheckFailure::~CheckFailure() {
  std::signal(SIGALRM, SIG_DFL);
  ::alarm(kSecondsToPrint);
  std::fprintf(stderr, "%s\n", context_.str().c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace torc
