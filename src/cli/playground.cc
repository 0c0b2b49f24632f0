#include "cli/playground.h"

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cli/child_process.h"
#include "cli/playground_data.h"

namespace torc::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kStartMax{30'000};    // until a leader must exist
constexpr milliseconds kCompleteMax{3'000};  // from then on a leader is enough: a node may take no part any more
constexpr milliseconds kTickStarting{100};   // between looks at the nodes
constexpr milliseconds kTickRunning{1'000};
constexpr milliseconds kAnswerMax{300};   // of one node; a stopped one must not hold up the table
constexpr milliseconds kGraceMax{5'000};  // between SIGTERM and SIGKILL
constexpr size_t kLogTailLines = 5;
constexpr const char* kOwnProgram = "/proc/self/exe";

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// Errors: kUnavailable if something else listens on the port.
Status check_port_is_free(const client::Endpoint& endpoint) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(endpoint.port);
  const bool is_free = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && ::listen(fd, 1) == 0;
  ::close(fd);
  if (is_free) return {};
  return Error{ErrorCode::kUnavailable, "port " + std::to_string(endpoint.port) +
                                            " is taken by another program (another playground?); stop it, or choose "
                                            "other ports with --base-port"};
}

std::string last_lines(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back("  " + line + "\n");
    if (lines.size() > kLogTailLines) lines.erase(lines.begin());
  }
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

/// SIGINT, SIGTERM and SIGHUP as something to wait for.
class StopSignals {
 public:
  StopSignals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&set, number);
    ::sigprocmask(SIG_BLOCK, &set, &before_);
    fd_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  }
  ~StopSignals() {
    ::close(fd_);
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// True if one came within `timeout`.
  bool wait(milliseconds timeout) {
    pollfd polled{fd_, POLLIN, 0};
    return ::poll(&polled, 1, static_cast<int>(timeout.count())) > 0;
  }

 private:
  int fd_ = -1;
  sigset_t before_{};
};

/// Prints the table: in place on a terminal, else only when there is news.
class Screen {
 public:
  void show(const std::vector<PlaygroundNode>& nodes, const std::string& footer) {
    const bool is_news = outline(nodes) != last_outline_;
    if (!is_terminal_ && !is_news) return;
    last_outline_ = outline(nodes);
    const std::string text = format_nodes(nodes) + (is_terminal_ || !was_shown_ ? footer : "");
    if (is_terminal_ && was_shown_) std::printf("\x1b[%zuA\x1b[J", lines_);
    lines_ = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
    was_shown_ = true;
    std::fputs((is_terminal_ ? text : text + "\n").c_str(), stdout);
    std::fflush(stdout);
  }

 private:
  const bool is_terminal_ = ::isatty(STDOUT_FILENO) == 1;
  bool was_shown_ = false;
  size_t lines_ = 0;
  std::string last_outline_;
};

class Playground {
 public:
  explicit Playground(PlaygroundOptions options) : options_(std::move(options)) {}
  ~Playground() { stop(); }
  Playground(const Playground&) = delete;
  Playground& operator=(const Playground&) = delete;

  Status start() {
    for (size_t node = 1; node <= options_.nodes; ++node) {
      for (const client::Endpoint& endpoint :
           {client_endpoint(options_, node), cluster_endpoint(options_, node), peer_endpoint(options_, node)}) {
        if (Status status = check_port_is_free(endpoint); !status.ok()) return status;
      }
    }
    if (options_.is_fresh) {
      if (Status removed = remove_nodes(options_.directory); !removed.ok()) return removed;
    }
    std::error_code error;
    std::filesystem::create_directories(options_.directory, error);
    if (error) return Error{ErrorCode::kIo, options_.directory + ": " + error.message()};
    for (size_t node = 1; node <= options_.nodes; ++node) {
      auto child = ChildProcess::start(kOwnProgram, serve_arguments(options_, node), log_path(node));
      if (!child.ok()) return child.error();
      children_.push_back(std::move(child).value());
    }
    return {};
  }

  /// Asks all nodes at the same time.
  std::vector<PlaygroundNode> look() {
    std::vector<PlaygroundNode> nodes(children_.size());
    std::vector<std::thread> askers;
    for (size_t i = 0; i < nodes.size(); ++i) {
      PlaygroundNode& node = nodes[i];
      node.address = client_endpoint(options_, i + 1);
      node.pid = std::to_string(children_[i].pid());
      if (children_[i].is_running()) {
        askers.emplace_back([&node] { node.report = ask_node(node.address, kAnswerMax); });
      } else {
        node.ending = children_[i].ending();
      }
    }
    for (std::thread& asker : askers) asker.join();
    return nodes;
  }

  void stop() {
    for (const ChildProcess& child : children_) {
      child.signal(SIGTERM);
      child.signal(SIGCONT);  // one that somebody stopped could not end
    }
    const auto deadline = steady_clock::now() + kGraceMax;
    for (ChildProcess& child : children_) {
      while (child.is_running() && steady_clock::now() < deadline) std::this_thread::sleep_for(milliseconds(10));
    }
    children_.clear();  // kills what is left
  }

  std::string log_path(size_t node) const { return options_.directory + "/node-" + std::to_string(node) + ".log"; }

 private:
  PlaygroundOptions options_;
  std::vector<ChildProcess> children_;
};

std::string footer_of(const PlaygroundOptions& options) {
  std::string text = "\nAny node will do:\n";
  for (size_t node = 1; node <= options.nodes; ++node) {
    text += "  redis-cli -p " + std::to_string(client_endpoint(options, node).port) + "\n";
  }
  text +=
      "With a client of Redis Cluster:\n  redis-cli -c -p " + std::to_string(cluster_endpoint(options, 1).port) + "\n";
  return text + "Data and logs: " + options.directory + "\nCtrl-C stops the nodes; what they acknowledged stays.\n";
}

/// Of every arc.
bool has_leader(const std::vector<PlaygroundNode>& nodes) {
  size_t arcs = 0;
  size_t led = 0;
  for (const PlaygroundNode& node : nodes) {
    arcs = std::max(arcs, node.report.arcs);
    led += node.report.arcs_led;
  }
  return arcs > 0 && led >= arcs;
}

/// Every arc is led, all others follow and know what its leader committed first.
bool is_complete(const std::vector<PlaygroundNode>& nodes) {
  return has_leader(nodes) && std::all_of(nodes.begin(), nodes.end(), [&](const PlaygroundNode& node) {
           return node.report.term == nodes.front().report.term && node.report.commit_index != "0" &&
                  node.report.arcs_leaderless == 0 && (node.report.is_leader() || node.report.role == "follower");
         });
}

bool has_running(const std::vector<PlaygroundNode>& nodes) {
  return std::any_of(nodes.begin(), nodes.end(), [](const PlaygroundNode& node) { return node.ending.empty(); });
}

ExitCode fail(const std::string& message) {
  std::fprintf(stderr, "torc playground: %s\n", message.c_str());
  return kExitFailed;
}

enum class Readiness { kReady, kStopped, kFailed };

Readiness wait_until_ready(Playground& playground, StopSignals& stop) {
  const auto start = steady_clock::now();
  while (steady_clock::now() < start + kStartMax) {
    const std::vector<PlaygroundNode> nodes = playground.look();
    const bool may_lack_some = steady_clock::now() >= start + kCompleteMax;
    if (is_complete(nodes) || (may_lack_some && has_leader(nodes))) return Readiness::kReady;
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i].ending.empty()) continue;
      fail("node " + std::to_string(i + 1) + " ended (" + nodes[i].ending + "); the end of " +
           playground.log_path(i + 1) + ":\n" + last_lines(playground.log_path(i + 1)));
      return Readiness::kFailed;
    }
    if (stop.wait(kTickStarting)) return Readiness::kStopped;
  }
  fail("no leader after " + std::to_string(kStartMax.count() / 1000) + " s; see " + playground.log_path(1));
  return Readiness::kFailed;
}

}  // namespace

ExitCode run_playground(const PlaygroundOptions& given) {
  PlaygroundOptions options = given;
  if (options.directory.empty()) {
    options.directory =
        default_directory(options.nodes, options.arcs, from_environment("XDG_STATE_HOME"), from_environment("HOME"));
  }
  StopSignals stop;
  Playground playground(options);
  if (Status status = playground.start(); !status.ok()) return fail(status.error().message);
  std::printf("starting %zu nodes in %s\n", options.nodes, options.directory.c_str());
  std::fflush(stdout);
  switch (wait_until_ready(playground, stop)) {
    case Readiness::kReady:
      std::printf("ready\n\n");
      break;
    case Readiness::kStopped:
      return kExitOk;
    case Readiness::kFailed:
      return kExitFailed;
  }
  Screen screen;
  for (;;) {
    const std::vector<PlaygroundNode> nodes = playground.look();
    screen.show(nodes, footer_of(options));
    if (!has_running(nodes)) return fail("every node has ended; their logs are in " + options.directory);
    if (stop.wait(kTickRunning)) break;
  }
  std::printf("\nstopping\n");
  std::fflush(stdout);
  return kExitOk;
}

}  // namespace torc::cli
