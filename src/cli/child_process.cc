#include "cli/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace torc::cli {
namespace {

constexpr int kCannotStart = 127;

/// In the child, between fork and exec: only calls that are safe there.
[[noreturn]] void become(const char* path, char* const* argv, int log_fd, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(kCannotStart);  // the parent died before the line above
  ::setpgid(0, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null_fd = ::open("/dev/null", O_RDONLY);
  ::dup2(null_fd, STDIN_FILENO);
  ::dup2(log_fd, STDOUT_FILENO);
  ::dup2(log_fd, STDERR_FILENO);
  ::execv(path, argv);
  ::_exit(kCannotStart);
}

}  // namespace

ChildProcess::~ChildProcess() {
  if (!is_running()) return;
  signal(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      is_running_(std::exchange(other.is_running_, false)),
      ending_(std::move(other.ending_)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(is_running_, other.is_running_);
  std::swap(ending_, other.ending_);
  return *this;
}

Result<ChildProcess> ChildProcess::start(const std::string& path, const std::vector<std::string>& arguments,
                                         const std::string& log_path) {
  const int log_fd = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log_fd < 0) return Error{ErrorCode::kIo, log_path + ": " + std::strerror(errno)};
  std::string name = "torc";  // in ps and top, whatever path leads to the program
  std::vector<char*> argv = {name.data()};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(path.c_str(), argv.data(), log_fd, parent);
  const int fork_errno = errno;
  ::close(log_fd);
  if (pid < 0) return Error{ErrorCode::kIo, std::string("cannot start a process: ") + std::strerror(fork_errno)};
  ChildProcess child;
  child.pid_ = pid;
  child.is_running_ = true;
  return child;
}

bool ChildProcess::is_running() {
  if (!is_running_) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
  is_running_ = false;
  ending_ = WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                : "exit status " + std::to_string(WEXITSTATUS(status));
  return false;
}

void ChildProcess::signal(int number) const {
  if (is_running_) ::kill(pid_, number);
}

}  // namespace torc::cli
