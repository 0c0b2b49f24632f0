// A program that this one starts, with pipes or without.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace torc::mapreduce {

/// Owns the child: killed and waited for when this goes.
class Child {
 public:
  struct Options {
    std::vector<std::string> argv;                   // argv[0]: a path
    std::map<std::string, std::string> environment;  // in addition
    bool has_pipes = false;                          // to its standard input, from its standard output; neither blocks
    /// Killed when the thread that started it ends, whatever ends it. Else it lives on without us.
    bool dies_with_us = false;
    /// A process group of its own, which kill() ends as a whole.
    bool has_own_group = false;
  };
  /// Errors: kIo.
  static Result<Child> start(const Options& options);

  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  pid_t pid() const { return pid_; }
  int input() const { return input_; }
  int output() const { return output_; }
  void close_input();
  /// As waitpid() has it, once it has ended.
  std::optional<int> status();
  /// Waits for the end.
  int wait();
  void kill(int signal) const;

 private:
  Child() = default;

  pid_t pid_ = -1;
  bool has_own_group_ = false;
  int input_ = -1;   // we write
  int output_ = -1;  // we read
  std::optional<int> status_;
};

/// "exit status 3", "signal 11".
std::string ending_of(int status);

}  // namespace torc::mapreduce
