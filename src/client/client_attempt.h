// What a command under way knows of itself; only for client*.cc.
#pragma once

#include <chrono>
#include <string>

#include "client/client.h"

namespace torc::client {

struct Client::Attempt {
  std::chrono::steady_clock::time_point deadline;          // of the operation
  std::chrono::steady_clock::time_point attempt_deadline;  // of this attempt
  bool may_have_executed = false;                          // an earlier attempt got away without an answer
  std::string trouble;                                     // of the last attempt
  Answer answer;
};

}  // namespace torc::client
