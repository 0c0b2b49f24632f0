// A program started by this one, which does not outlive it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace torc::cli {

class ChildProcess {
 public:
  ChildProcess() = default;
  /// Kills the child if it still runs.
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;

  /// Runs the program at `path` with `arguments` (without its own name), output appended to the file `log_path`, in a
  /// process group of its own, so that Ctrl-C reaches only the parent. Killed if the thread that starts it dies.
  /// Errors: kIo.
  static Result<ChildProcess> start(const std::string& path, const std::vector<std::string>& arguments,
                                    const std::string& log_path);

  pid_t pid() const { return pid_; }
  /// False once it ended, which this notices.
  bool is_running();
  /// "exit status 1", "signal 9"; empty while it runs.
  const std::string& ending() const { return ending_; }
  void signal(int number) const;

 private:
  pid_t pid_ = -1;
  bool is_running_ = false;
  std::string ending_;
};

}  // namespace torc::cli
