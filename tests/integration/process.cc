#include "process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace torc::integration {
namespace {

constexpr Millis kPollInterval{5};

int shell_status(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

}  // namespace

Process::Process(const std::vector<std::string>& argv, std::string output_path,
                 const std::map<std::string, std::string>& extra_environment)
    : output_path_(std::move(output_path)) {
  // Everything that allocates happens before the fork: another thread may hold the allocator's lock at that moment.
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  std::vector<std::string> environment_text;
  for (const auto& [name, value] : extra_environment) environment_text.push_back(name + "=" + value);
  std::vector<char*> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
  for (std::string& text : environment_text) environment.push_back(text.data());
  environment.push_back(nullptr);
  const int output = ::open(output_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (output < 0) throw std::runtime_error("cannot write " + output_path_ + ": " + std::strerror(errno));
  const pid_t parent = ::getpid();

  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);  // the parent died before the line above
    const int input = ::open("/dev/null", O_RDONLY);
    ::dup2(input, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    ::signal(SIGPIPE, SIG_DFL);
    ::execvpe(arguments[0], arguments.data(), environment.data());
    ::_exit(127);
  }
  ::close(output);
  if (pid_ < 0) throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
}

Process::~Process() { kill_hard(); }

bool Process::is_running() { return !wait(Millis(0)).has_value(); }

std::optional<int> Process::wait(Millis timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!exit_status_) {
    int status = 0;
    const pid_t reaped = ::waitpid(pid_, &status, WNOHANG);
    if (reaped == pid_) {
      exit_status_ = shell_status(status);
    } else if (std::chrono::steady_clock::now() >= deadline) {
      break;
    } else {
      std::this_thread::sleep_for(kPollInterval);
    }
  }
  return exit_status_;
}

void Process::signal(int number) const {
  if (!exit_status_) ::kill(pid_, number);
}

void Process::kill_hard() {
  if (exit_status_) return;
  signal(SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  exit_status_ = shell_status(status);
}

int Process::terminate(Millis timeout) {
  signal(SIGTERM);
  if (!wait(timeout)) kill_hard();
  return *exit_status_;
}

void Process::pause() {
  signal(SIGSTOP);
  // kill() returns before the threads have stopped; a reader of /proc sees "T" once they have.
  for (int tries = 0; tries < 400; ++tries) {
    const std::string stat = read_file("/proc/" + std::to_string(pid_) + "/stat");
    const size_t name_end = stat.rfind(')');
    if (name_end != std::string::npos && stat.compare(name_end, 3, ") T") == 0) return;
    std::this_thread::sleep_for(kPollInterval);
  }
  throw std::runtime_error("process " + std::to_string(pid_) + " did not stop");
}

void Process::resume() { signal(SIGCONT); }

uint64_t Process::resident_bytes() const {
  std::istringstream pages(read_file("/proc/" + std::to_string(pid_) + "/statm"));
  uint64_t total = 0;
  uint64_t resident = 0;
  pages >> total >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

CommandResult run_command(const std::vector<std::string>& argv, const std::string& output_path, Millis timeout) {
  ::unlink(output_path.c_str());
  Process process(argv, output_path);
  const std::optional<int> status = process.wait(timeout);
  if (!status) process.kill_hard();
  return {status.value_or(128 + SIGKILL), read_file(output_path)};
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace torc::integration
