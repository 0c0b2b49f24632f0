// What a command under way knows of itself; only for client*.cc.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "client/client.h"

namespace torc::client {

struct Client::Attempt {
  std::chrono::steady_clock::time_point deadline;          // of the operation
  std::chrono::steady_clock::time_point attempt_deadline;  // of this attempt
  size_t copies = 0;    // that were sent and not certainly refused: each may have been executed, or may yet be
  std::string trouble;  // of the last attempt
  Answer answer;

  bool may_have_executed() const { return copies > 0; }
};

}  // namespace torc::client
