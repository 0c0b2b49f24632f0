#include "mapreduce/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

extern char** environ;

namespace torc::mapreduce {
namespace {

constexpr int kCannotStart = 127;

struct Pipes {
  int to_child[2] = {-1, -1};
  int from_child[2] = {-1, -1};
  ~Pipes() {
    for (const int fd : {to_child[0], to_child[1], from_child[0], from_child[1]}) {
      if (fd >= 0) ::close(fd);
    }
  }
};

/// In the child, between fork and exec: only calls that are safe there while other threads may hold any lock.
[[noreturn]] void become(char* const* argv, char* const* environment, const Child::Options& options, const Pipes& pipes,
                         pid_t parent) {
  if (options.dies_with_us) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(kCannotStart);  // the parent died before the line above
  }
  if (options.has_own_group) ::setpgid(0, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  if (options.has_pipes) {
    ::dup2(pipes.to_child[0], STDIN_FILENO);
    ::dup2(pipes.from_child[1], STDOUT_FILENO);
  }
  ::execve(argv[0], argv, environment);
  ::_exit(kCannotStart);
}

}  // namespace

Result<Child> Child::start(const Options& options) {
  std::vector<char*> argv;
  for (const std::string& word : options.argv) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  std::vector<std::string> added;
  for (const auto& [name, value] : options.environment) added.push_back(name + "=" + value);
  std::vector<char*> environment;
  for (char** each = environ; *each != nullptr; ++each) environment.push_back(*each);
  for (std::string& each : added) environment.push_back(each.data());
  environment.push_back(nullptr);
  Pipes pipes;
  if (options.has_pipes && (::pipe2(pipes.to_child, O_CLOEXEC) != 0 || ::pipe2(pipes.from_child, O_CLOEXEC) != 0)) {
    return Error{ErrorCode::kIo, std::string("cannot make a pipe: ") + std::strerror(errno)};
  }
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(argv.data(), environment.data(), options, pipes, parent);
  if (pid < 0) return Error{ErrorCode::kIo, std::string("cannot start a process: ") + std::strerror(errno)};
  if (options.has_own_group) ::setpgid(pid, pid);  // both do it: whoever comes first
  Child child;
  child.pid_ = pid;
  child.has_own_group_ = options.has_own_group;
  if (options.has_pipes) {
    child.input_ = std::exchange(pipes.to_child[1], -1);
    child.output_ = std::exchange(pipes.from_child[0], -1);
    ::fcntl(child.input_, F_SETFL, O_NONBLOCK);
    ::fcntl(child.output_, F_SETFL, O_NONBLOCK);
  }
  return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      has_own_group_(other.has_own_group_),
      input_(std::exchange(other.input_, -1)),
      output_(std::exchange(other.output_, -1)),
      status_(other.status_) {}

Child::~Child() {
  close_input();
  if (output_ >= 0) ::close(output_);
  if (pid_ < 0 || status()) return;
  kill(SIGKILL);
  (void)wait();
}

void Child::close_input() {
  if (input_ >= 0) ::close(std::exchange(input_, -1));
}

std::optional<int> Child::status() {
  int status = 0;
  if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
  return status_;
}

int Child::wait() {
  int status = 0;
  while (!status_) {
    if (::waitpid(pid_, &status, 0) == pid_) status_ = status;
    if (!status_ && errno != EINTR) status_ = 0;  // somebody else has waited for it
  }
  return *status_;
}

void Child::kill(int signal) const {
  if (pid_ > 0 && !status_) ::kill(has_own_group_ ? -pid_ : pid_, signal);
}

std::string ending_of(int status) {
  return WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                             : "exit status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace torc::mapreduce
