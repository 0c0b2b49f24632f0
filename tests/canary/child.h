// Runs work in a process of its own, because a planted bug may well end it.
#pragma once

#include <functional>
#include <string>

namespace torc::canary {

struct ChildEnd {
  bool is_clean = false;  // the work said so, and the process ended by itself
  std::string said;       // on its standard output and error
};

/// `work` returns true if there is nothing to tell.
ChildEnd run_in_child(const std::function<bool()>& work);

}  // namespace torc::canary
