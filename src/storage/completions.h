// Who waits for the log is told, in order.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "base/lifetime.h"
#include "base/result.h"

namespace torc::storage {

/// Callbacks run in the order in which they were added, even if one of them adds another, or ends the log.
class Completions {
 public:
  void add(std::function<void(Status)> done) { queue_.push_back(std::move(done)); }
  void add(std::vector<std::function<void(Status)>> all);
  /// Requires: nothing of the owner is touched behind it; it may be gone.
  void run();

  /// For good: whoever is told from here on is told this. The first error stays.
  void fail(const Error& error);
  bool has_failed() const { return failure_.has_value(); }

 private:
  std::deque<std::function<void(Status)>> queue_;
  std::optional<Error> failure_;
  bool is_running_ = false;
  Lifetime lifetime_;
};

}  // namespace torc::storage
