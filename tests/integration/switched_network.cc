#include "switched_network.h"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <stdexcept>

namespace torc::integration {
namespace {

constexpr const char* kTestHost = "10.77.0.254";
constexpr Millis kToolTimeout{10000};

std::string bridge_of(NodeNumber a, NodeNumber b) {
  return "br" + std::to_string(std::min(a, b)) + std::to_string(std::max(a, b));
}
/// The end at the bridge of the wire from `node` towards `peer`.
std::string port_of(NodeNumber node, NodeNumber peer) { return "port" + std::to_string(node) + std::to_string(peer); }
std::string wire_to(NodeNumber peer) { return "to" + std::to_string(peer); }

std::string network_of(const std::string& process) {
  return std::filesystem::read_symlink("/proc/" + process + "/ns/net");
}

}  // namespace

SwitchedNetwork::SwitchedNetwork(int nodes, const std::string& scratch) : scratch_(scratch) {
  ip(0, "link set lo up");
  for (NodeNumber node = 1; node <= nodes; ++node) {
    start_host(node);
    connect_to_test(node);
  }
  for (NodeNumber a = 1; a <= nodes; ++a) {
    for (NodeNumber b = a + 1; b <= nodes; ++b) connect_pair(a, b);
  }
}

std::string SwitchedNetwork::pid_of(NodeNumber node) const {
  return std::to_string(hosts_.at(static_cast<size_t>(node - 1))->pid());
}

std::vector<std::string> SwitchedNetwork::entrance(NodeNumber node) {
  return {"nsenter", "--net=/proc/" + pid_of(node) + "/ns/net"};
}

void SwitchedNetwork::ip(NodeNumber at, const std::string& words) {
  std::vector<std::string> argv;
  if (at != 0) argv = entrance(at);
  argv.emplace_back("ip");
  std::istringstream in(words);
  for (std::string word; in >> word;) argv.push_back(word);
  const CommandResult result = run_command(argv, scratch_, kToolTimeout);
  if (result.exit_status != 0) throw std::runtime_error("ip " + words + ": " + result.output);
}

void SwitchedNetwork::start_host(NodeNumber node) {
  hosts_.push_back(
      std::make_unique<Process>(std::vector<std::string>{"unshare", "--net", "sleep", "infinity"}, scratch_));
  const bool is_apart =
      holds_within(kToolTimeout, [&] { return network_of(pid_of(node)) != network_of("thread-self"); });
  if (!is_apart) throw std::runtime_error("unshare --net: " + read_file(scratch_));
  ip(node, "link set lo up");
  ip(node, "address add " + *host(node) + "/32 dev lo");
}

void SwitchedNetwork::connect_to_test(NodeNumber node) {
  const std::string here = "node" + std::to_string(node);
  ip(0, "link add " + here + " type veth peer name test netns " + pid_of(node));
  ip(0, "address add " + std::string(kTestHost) + "/32 dev " + here);
  ip(0, "link set " + here + " up");
  ip(node, "link set test up");
  ip(0, "route add " + *host(node) + "/32 dev " + here);
  ip(node, "route add " + std::string(kTestHost) + "/32 dev test src " + *host(node));
}

void SwitchedNetwork::connect_pair(NodeNumber a, NodeNumber b) {
  ip(0, "link add " + bridge_of(a, b) + " type bridge");
  ip(0, "link set " + bridge_of(a, b) + " up");
  for (const auto& [node, peer] : {std::pair(a, b), std::pair(b, a)}) {
    ip(0, "link add " + port_of(node, peer) + " type veth peer name " + wire_to(peer) + " netns " + pid_of(node));
    ip(0, "link set " + port_of(node, peer) + " up");
    ip(node, "link set " + wire_to(peer) + " up");
    ip(node, "route add " + *host(peer) + "/32 dev " + wire_to(peer) + " src " + *host(node));
  }
  mend(a, b);
}

void SwitchedNetwork::cut(NodeNumber a, NodeNumber b) {
  ip(0, "link set " + port_of(a, b) + " nomaster");
  ip(0, "link set " + port_of(b, a) + " nomaster");
}

void SwitchedNetwork::mend(NodeNumber a, NodeNumber b) {
  ip(0, "link set " + port_of(a, b) + " master " + bridge_of(a, b));
  ip(0, "link set " + port_of(b, a) + " master " + bridge_of(a, b));
}

}  // namespace torc::integration
