// What a node may have under way to leaders, of all its groups together.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/check.h"

namespace torc::node {

/// Each group's forwarder has a window of commands that were sent and not answered. A group on its own may fill the
/// whole. Beside others it may hold as much as is left over, so alone it fills half of it: a group whose leader does
/// not answer leaves room to the others, and the first command of a group may go as long as there is any (dynamic
/// thresholds, Choudhury and Hahne 1998; node/clients.h).
class ForwardBudget {
 public:
  /// What a connection's queue takes, by far (env/network.h). Or one command, and beside it others.
  static constexpr size_t kBytesMax = 48u << 20;

  /// A window from now on takes part.
  void add_window() { ++windows_; }
  void remove_window() {
    CHECK(windows_ > 0);
    --windows_;
  }
  /// Whether a window that holds `own` may take `bytes` more.
  bool has_room(size_t own, size_t bytes) const {
    if (own == 0) return used_ < kBytesMax;
    const size_t taken = windows_ == 1 ? 0 : std::min(used_, kBytesMax);
    return own + bytes <= kBytesMax - taken;
  }
  void hold(size_t bytes) { used_ += bytes; }
  void give_back(size_t bytes) {
    CHECK(bytes <= used_);
    used_ -= bytes;
  }
  size_t used() const { return used_; }

 private:
  size_t windows_ = 0;
  size_t used_ = 0;
};

}  // namespace torc::node
