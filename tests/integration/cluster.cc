#include "cluster.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>
#include <thread>

namespace torc::integration {
namespace {

constexpr int kStartTries = 5;
constexpr size_t kLogBytesShown = 8000;
constexpr uint16_t kClientPort = 7001;  // on a host of the node's own
constexpr uint16_t kClusterPort = 7101;
constexpr uint16_t kPeerPort = 17001;

/// A loopback address no other cluster of this machine is likely to use at the same time.
std::string own_loopback_address() {
  static int clusters = 0;
  const auto mix = static_cast<uint32_t>(::getpid()) * 2654435761u + static_cast<uint32_t>(++clusters) * 40503u;
  const auto part = [mix](int shift) { return std::to_string(1 + ((mix >> shift) & 0xff) % 250); };
  return "127." + part(24) + "." + part(16) + "." + part(8);
}

/// A port nobody listens on now. Closed again before use: the node binds it itself, and start-up is tried again with
/// other ports if somebody was faster.
uint16_t free_port(const std::string& host, std::set<uint16_t>& taken) {
  for (;;) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    ::inet_pton(AF_INET, host.c_str(), &at.sin_addr);
    socklen_t size = sizeof at;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
      ::close(fd);
      throw std::runtime_error("no free port on " + host);
    }
    ::close(fd);
    if (taken.insert(ntohs(at.sin_port)).second) return ntohs(at.sin_port);
  }
}

}  // namespace

void sleep_for(Millis time) { std::this_thread::sleep_for(time); }

std::string built_program(const std::string& name) {
  const char* replacement = name == "torc" ? std::getenv("TORC_BINARY") : nullptr;
  if (replacement != nullptr) return replacement;
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

Cluster::Cluster(ClusterOptions options) : options_(std::move(options)) {
  const std::string pattern = std::filesystem::temp_directory_path() / "torc-test-XXXXXX";
  std::vector<char> name(pattern.begin(), pattern.end());
  name.push_back('\0');
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a directory like " + pattern);
  directory_ = name.data();
  for (int tries = 1; !try_start_all(); ++tries) {
    if (tries == kStartTries) {
      print_logs();
      throw std::runtime_error("the nodes did not start; their logs are above");
    }
  }
}

Cluster::~Cluster() {
  nodes_.clear();
  if (::testing::Test::HasFailure() || std::uncaught_exceptions() > 0) print_logs();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void Cluster::choose_addresses() {
  const std::string loopback = own_loopback_address();
  std::set<uint16_t> taken;
  client_addresses_.clear();
  cluster_addresses_.clear();
  peer_addresses_.clear();
  for (NodeNumber node = 1; node <= size(); ++node) {
    const std::optional<std::string> host_of_its_own =
        options_.premises == nullptr ? std::nullopt : options_.premises->host(node);
    if (host_of_its_own) {
      client_addresses_.push_back({*host_of_its_own, kClientPort});
      cluster_addresses_.push_back({*host_of_its_own, kClusterPort});
      peer_addresses_.push_back({*host_of_its_own, kPeerPort});
      continue;
    }
    client_addresses_.push_back({loopback, free_port(loopback, taken)});
    cluster_addresses_.push_back({loopback, free_port(loopback, taken)});
    peer_addresses_.push_back({loopback, free_port(loopback, taken)});
  }
}

bool Cluster::try_start_all() {
  nodes_.clear();
  for (NodeNumber node = 1; node <= size(); ++node) std::filesystem::remove_all(data_path(node));
  choose_addresses();
  nodes_.resize(static_cast<size_t>(options_.nodes));
  for (NodeNumber node = 1; node <= size(); ++node) start(node);
  if (!options_.waits_for_answers) return true;
  try {
    wait_until_all_answer();
  } catch (const std::runtime_error& error) {
    std::fprintf(stderr, "start-up failed: %s\n", error.what());
    return false;
  }
  return true;
}

std::string Cluster::members() const {
  std::string text;
  for (NodeNumber member = 1; member <= size(); ++member) {
    if (member > 1) text += ",";
    text += std::to_string(member) + "=" + peer_address(member).text();
  }
  return text;
}

std::vector<std::string> Cluster::command_line(NodeNumber node) const {
  std::vector<std::string> argv;
  if (options_.premises != nullptr) argv = options_.premises->entrance(node);
  for (const std::string& word :
       {built_program("torc"), std::string("serve"), std::string("--id"), std::to_string(node), std::string("--data"),
        data_path(node), std::string("--listen"), address(node).text(), std::string("--peer-listen"),
        peer_address(node).text(), std::string("--initial-cluster"), members()}) {
    argv.push_back(word);
  }
  if (options_.has_cluster_doors) {
    argv.emplace_back("--cluster-listen");
    argv.push_back(cluster_address(node).text());
  }
  argv.insert(argv.end(), options_.extra_args.begin(), options_.extra_args.end());
  return argv;
}

void Cluster::start(NodeNumber node, const std::map<std::string, std::string>& environment) {
  start(node, command_line(node), environment);
}

void Cluster::start(NodeNumber node, std::vector<std::string> argv,
                    const std::map<std::string, std::string>& own_environment) {
  std::map<std::string, std::string> environment = options_.environment;
  for (const auto& [name, value] : own_environment) environment[name] = value;
  for (auto& [name, value] : environment) {
    if (value.starts_with(kClusterDirectory)) value.replace(0, kClusterDirectory.size(), directory_);
    if (value.starts_with(kDataDirectory)) value.replace(0, kDataDirectory.size(), data_path(node));
  }
  nodes_.at(static_cast<size_t>(node - 1)) = std::make_unique<Process>(argv, log_path(node), environment);
}

void Cluster::delete_data(NodeNumber node) { std::filesystem::remove_all(data_path(node)); }

void Cluster::damage_log(NodeNumber node, uint64_t offset) {
  const auto place = static_cast<std::streamoff>(offset);
  size_t damaged = 0;
  for (const auto& entry : std::filesystem::directory_iterator(data_path(node))) {
    if (!entry.path().filename().string().starts_with("log-")) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(place);
    const int found = file.get();
    if (found <= 0) continue;  // prepared for later
    file.seekp(place);
    file.put(static_cast<char>(found ^ 0x55));
    if (file.flush()) ++damaged;
  }
  if (damaged == 0) throw std::runtime_error("no log file of node " + std::to_string(node) + " to damage");
}

std::optional<std::map<std::string, std::string>> Cluster::info(NodeNumber node, Millis timeout) const {
  const std::optional<Reply> reply = RespClient::connect(address(node), timeout).call({"INFO"});
  if (!reply || reply->kind != Reply::Kind::kBulk) return std::nullopt;
  std::map<std::string, std::string> fields;
  size_t at = 0;
  while (at < reply->text.size()) {
    const size_t end = std::min(reply->text.find("\r\n", at), reply->text.size());
    const std::string line = reply->text.substr(at, end - at);
    const size_t colon = line.find(':');
    if (colon != std::string::npos && line[0] != '#') fields[line.substr(0, colon)] = line.substr(colon + 1);
    at = end + 2;
  }
  return fields;
}

NodeNumber Cluster::wait_for_leader(Millis timeout) {
  NodeNumber leader = 0;
  const bool is_found = holds_within(timeout, [&] {
    int64_t term_max = -1;
    for (NodeNumber node = 1; node <= size(); ++node) {
      if (!process(node).is_running()) continue;
      auto fields = info(node, Millis(300));
      if (!fields || (*fields)["raft_role"] != "leader") continue;
      const int64_t term = std::strtoll((*fields)["raft_term"].c_str(), nullptr, 10);
      if (term > term_max) {
        term_max = term;
        leader = node;
      }
    }
    return leader != 0;
  });
  if (!is_found) throw std::runtime_error("no node calls itself leader");
  return leader;
}

NodeNumber Cluster::any_follower() { return wait_for_leader() % size() + 1; }

void Cluster::wait_until_all_answer(Millis timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (NodeNumber node = 1; node <= size(); ++node) {
    const bool is_answering =
        holds_within(std::chrono::ceil<Millis>(
                         std::max(deadline - std::chrono::steady_clock::now(), decltype(deadline)::duration{})),
                     [&] {
                       if (!process(node).is_running())
                         throw std::runtime_error("node " + std::to_string(node) + " ended");
                       const std::optional<Reply> reply = connect(node, Millis(2000)).call({"GET", "is-anybody-there"});
                       return reply && !reply->is_error();
                     });
    if (!is_answering) throw std::runtime_error("node " + std::to_string(node) + " does not answer a read");
  }
}

void Cluster::wait_until_writable(NodeNumber node, Millis timeout) {
  const bool is_writable = holds_within(timeout, [&] {
    const std::optional<Reply> reply = connect(node, Millis(2000)).call({"SET", "is-it-writable", "1"});
    return reply && reply->is_ok();
  });
  if (!is_writable) throw std::runtime_error("node " + std::to_string(node) + " does not take a write");
}

std::string Cluster::log_path(NodeNumber node) const { return directory_ + "/node-" + std::to_string(node) + ".log"; }

std::string Cluster::data_path(NodeNumber node) const {
  const std::optional<std::string> disk = options_.premises == nullptr ? std::nullopt : options_.premises->disk(node);
  return disk.value_or(directory_) + "/node-" + std::to_string(node);
}

void Cluster::print_logs() const {
  for (NodeNumber node = 1; node <= size(); ++node) {
    const std::string log = read_file(log_path(node));
    const size_t begin = log.size() > kLogBytesShown ? log.size() - kLogBytesShown : 0;
    std::fprintf(stderr, "---- log of node %d (last %zu of %zu bytes)\n%s\n", node, log.size() - begin, log.size(),
                 log.c_str() + begin);
  }
}

}  // namespace torc::integration
