#include "base/check.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

namespace torc {
namespace {

TEST(Check, AFailureEndsTheProcessAlsoWhenNobodyReadsStandardError) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    CHECK(false) << std::string(1u << 20, 'x');  // more than a pipe holds
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace torc
