// A child process of a test: its output in a file, its end guaranteed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace torc::integration {

using Millis = std::chrono::milliseconds;

/// Owns one child process. The destructor kills and reaps it; if the test program itself dies, the kernel kills it
/// (PDEATHSIG). Harness failures throw std::runtime_error, which GoogleTest reports as a failure of the test.
class Process {
 public:
  /// Starts `argv` (argv[0] is looked up in PATH unless it has a slash); stdin is empty, stdout and stderr are appended
  /// to `output_path`. Requires: called on the main thread, because PDEATHSIG follows the thread that forked.
  Process(const std::vector<std::string>& argv, std::string output_path,
          const std::map<std::string, std::string>& extra_environment = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  const std::string& output_path() const { return output_path_; }
  bool is_running();
  /// Exit status as a shell has it (128 + signal for a signal), or nothing if it still runs after `timeout`.
  std::optional<int> wait(Millis timeout);
  /// SIGKILL, and reaps.
  void kill_hard();
  /// SIGTERM; SIGKILL if it has not ended by `timeout`. Returns the exit status.
  int terminate(Millis timeout);
  void pause();
  void resume();
  /// Resident set, bytes; 0 if it has ended.
  uint64_t resident_bytes() const;

 private:
  void signal(int number) const;

  pid_t pid_ = -1;
  std::string output_path_;
  std::optional<int> exit_status_;
};

struct CommandResult {
  int exit_status = 0;
  std::string output;  // stdout and stderr
};

/// Runs a program to its end; kills it after `timeout` (exit status 137).
CommandResult run_command(const std::vector<std::string>& argv, const std::string& output_path, Millis timeout);

std::string read_file(const std::string& path);

}  // namespace torc::integration
