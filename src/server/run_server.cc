#include "server/run_server.h"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>

#include "cli/exit_code.h"
#include "cli/memory_size.h"
#include "host/event_loop.h"
#include "net/peer_transport.h"
#include "net/resp_server.h"
#include "node/node.h"
#include "server/data_directory.h"
#include "server/large_blocks.h"
#include "server/large_pages.h"
#include "server/logging.h"
#include "server/start_again.h"
#include "server/state_summary.h"

namespace torc::server {
namespace {

constexpr Duration kHandOverPatience = 1s;  // a planned stop waits this long for another leader
constexpr Duration kDrainPatience = 500ms;  // and then this long for clients to take their last answers
constexpr Duration kShutdownPoll = 10ms;
constexpr uint64_t kReserveBytes = 16u << 20;                 // twice a leader's flow control window
constexpr std::chrono::milliseconds kLastWordsPatience{500};  // for a log that is not read
constexpr rlim_t kDescriptorsReserved = 512;                  // for files, peers and what is being accepted

uint64_t fresh_seed() {
  std::random_device device;
  return static_cast<uint64_t>(device()) << 32 | device();
}

int failed(const std::string& what, const Error& error) {
  spdlog::error("{}: {}", what, error.message);
  return cli::kExitFailed;
}

/// Nothing may leave this process any more: not even what destructors would flush.
void stop_at_once(const Error& error) {
  spdlog::critical("stopping, this node can no longer be trusted: {}", error.message);
  finish_logging(kLastWordsPatience);
  std::_Exit(cli::kExitFailed);
}

bool leads_anything(const node::Node& node) {
  for (const node::GroupStatus& group : node.status().groups) {
    if (group.replica.role == consensus::Role::kLeader) return true;
  }
  return false;
}

/// Hands leadership over, answers what clients have sent, then stops the loop; a second signal stops it at once.
class Shutdown {
 public:
  Shutdown(host::EventLoop& loop, node::Node& node, net::RespServer& server, bool has_peers)
      : loop_(loop), node_(node), server_(server), has_peers_(has_peers) {}

  void begin(int signal) {
    if (deadline_.ns != 0) return loop_.stop();
    spdlog::info("signal {}: handing over and stopping", signal);
    deadline_ = loop_.clock().now() + kHandOverPatience;
    hand_over();
  }

 private:
  void hand_over() {
    if (!has_peers_ || !leads_anything(node_) || loop_.clock().now() >= deadline_) {
      server_.drain();
      deadline_ = loop_.clock().now() + kDrainPatience;
      return drain();
    }
    node_.hand_over();  // another try, to another node, once the last has failed
    loop_.clock().call_at(loop_.clock().now() + kShutdownPoll, [this] { hand_over(); });
  }

  void drain() {
    if (server_.clients().size() == 0 || loop_.clock().now() >= deadline_) return loop_.stop();
    loop_.clock().call_at(loop_.clock().now() + kShutdownPoll, [this] { drain(); });
  }

  host::EventLoop& loop_;
  node::Node& node_;
  net::RespServer& server_;
  const bool has_peers_;
  Instant deadline_;
};

/// A part of the memory there is, between two bounds; the upper one if there is no limit.
size_t share_of(uint64_t memory_max, uint64_t divisor, size_t least, size_t most) {
  return memory_max == 0 ? most : std::clamp<uint64_t>(memory_max / divisor, least, most);
}

uint64_t memory_max_of(const cli::ServeOptions& options) {
  return options.max_memory.value_or(cli::memory_available() / 100 * cli::kMaxMemoryPercent);
}

/// Takes what the system allows without asking for more rights; says so if that is too little for as many clients as
/// usual, and serves fewer.
net::RespLimits client_limits(const cli::ServeOptions& options, uint64_t memory_max) {
  net::RespLimits limits;
  limits.idle_timeout = options.client_idle_timeout;
  limits.command_keys_max = options.command_keys_max;
  limits.buffered_bytes_max = share_of(memory_max, 4, 64u << 20, limits.buffered_bytes_max);
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return limits;
  const rlim_t wanted = limits.clients_max + kDescriptorsReserved;
  if (descriptors.rlim_cur < wanted) {
    descriptors.rlim_cur = std::min(wanted, descriptors.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &descriptors);
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
  }
  if (descriptors.rlim_cur >= wanted) return limits;
  limits.clients_max = descriptors.rlim_cur > kDescriptorsReserved ? descriptors.rlim_cur - kDescriptorsReserved : 1;
  spdlog::warn("the limit of open files is {} (ulimit -n): at most {} clients at a time", descriptors.rlim_cur,
               limits.clients_max);
  return limits;
}

net::PeerTransportOptions transport_options(const cli::ServeOptions& options, NoticeLog& log) {
  net::PeerTransportOptions settings;
  settings.self = options.id;
  settings.listen_address = options.peer_listen.text();
  settings.seed = fresh_seed();
  settings.tell = [&log](const Notice& notice) { log.write(notice); };
  return settings;
}

Status introduce_peers(const cli::ServeOptions& options, net::PeerTransport& transport) {
  for (const auto& [peer, endpoint] : options.initial_cluster) {
    if (peer == options.id) continue;
    const Status known = transport.set_peer_address(peer, endpoint.text());
    if (!known.ok()) return known;
  }
  return {};
}

node::NodeOptions node_options(const cli::ServeOptions& options, uint64_t memory_max, NoticeLog& log) {
  node::NodeOptions node;
  node.memory_max = memory_max;
  node.held_bytes_max = share_of(memory_max, 4, 64u << 20, node.held_bytes_max);
  node.id = options.id;
  for (const auto& [id, endpoint] : options.initial_cluster) node.initial_cluster.push_back(id);
  node.client_address = cli::announced_listen(options).text();
  if (const auto cluster_door = cli::announced_cluster_listen(options)) node.cluster_address = cluster_door->text();
  node.arcs = options.arcs;
  node.seed = fresh_seed();
  node.session_seed = fresh_seed();
  node.election_timeout_min = options.election_timeout;
  node.heartbeat_interval = options.heartbeat;
  node.command_timeout = options.command_timeout;
  node.checkpoint_log_bytes = options.checkpoint_mib << 20;
  node.log_tail_bytes = options.log_tail_mib << 20;
  node.log.reserve_bytes = kReserveBytes;
  node.log.on_disk_full_changed = [](bool is_full) {
    if (is_full) {
      spdlog::error("the disk is full: writes are refused, reads go on");
    } else {
      spdlog::info("the disk has space again");
    }
  };
  node.tell = [&log](const Notice& notice) { log.write(notice); };
  return node;
}

std::vector<net::DoorOptions> doors_of(const cli::ServeOptions& options) {
  const auto text_of = [](const std::optional<client::Endpoint>& endpoint) {
    return endpoint ? endpoint->text() : std::string();
  };
  std::vector<net::DoorOptions> doors = {
      {node::Door::kAny, options.listen.host, options.listen.port, text_of(options.announce)}};
  if (options.cluster_listen) {
    doors.push_back({node::Door::kCluster, options.cluster_listen->host, options.cluster_listen->port,
                     text_of(options.cluster_announce)});
  }
  return doors;
}

/// A signal may come before the loop looks at signals: while the data is read, which takes a while. Neither of these
/// two may end a node; Shutdown and the loop know the others.
void become_a_server() {
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGUSR1, SIG_IGN);
  ::prctl(PR_SET_NAME, "torc");  // started through /proc/self/exe it would be "exe" in ps and top
}

/// Others hold everything this node ever acknowledged, and are enough to take it back.
bool can_come_back(const cli::ServeOptions& options) { return options.initial_cluster.size() >= 3; }

/// Damage that comes to light while the node runs: as if it had been found at the start, which follows at once.
void stop_or_start_again(const Error& error, const cli::ServeOptions& options, DataDirectory& data) {
  if (error.code == ErrorCode::kCorrupt && can_come_back(options)) {
    spdlog::critical("the data is damaged, this node gives it up and starts again: {}", error.message);
    const Status given_up = give_up(*data.disk, error.message);
    finish_logging(kLastWordsPatience);
    if (given_up.ok()) start_again();
  }
  stop_at_once(error);
}

/// Opens the data and what lives in it. `data` outlives the node.
Result<std::unique_ptr<node::Node>> open_node(const cli::ServeOptions& options, node::NodeOptions settings,
                                              host::EventLoop& loop, env::Network& network, DataDirectory& data) {
  const Status opened = open_data_directory(options.data_directory, loop, data);
  if (data.was_set_aside) {
    spdlog::error("the data was damaged and given up: {}", data.was_set_aside->reason);
    spdlog::error("it is in {} now; this node starts from nothing and is brought up to date by the others",
                  data.was_set_aside->folder);
    if (data.was_set_aside->folders_removed > 0) {
      spdlog::warn("{} older folders of damaged data were removed", data.was_set_aside->folders_removed);
    }
  }
  if (!opened.ok()) return opened.error();
  settings.may_found_cluster = !data.had_damage();
  settings.set_aside = {data.aside.folders, data.aside.bytes};
  settings.on_fatal = [&options, &data](const Error& error) { stop_or_start_again(error, options, data); };
  return node::Node::open(std::move(settings), loop.clock(), *data.disk, network, *data.checkpoints);
}

/// The same; damaged data is given up first and set aside.
Result<std::unique_ptr<node::Node>> recover(const cli::ServeOptions& options, const node::NodeOptions& settings,
                                            host::EventLoop& loop, env::Network& network, DataDirectory& data) {
  auto opened = open_node(options, settings, loop, network, data);
  const bool is_damaged = !opened.ok() && opened.error().code == ErrorCode::kCorrupt;
  if (!is_damaged || !data.disk || !can_come_back(options)) return opened;
  const Status given_up = give_up(*data.disk, opened.error().message);
  if (!given_up.ok()) return given_up.error();
  data = {};  // whatever still works on the files is done with them before they move
  return open_node(options, settings, loop, network, data);
}

}  // namespace

int run_server(const cli::ServeOptions& options) {
  become_a_server();
  ask_for_large_pages();
  map_large_blocks();
  start_logging(options.id, options.log_level);
  const uint64_t memory_max = memory_max_of(options);
  const net::RespLimits limits = client_limits(options, memory_max);
  host::EventLoop loop;
  NoticeLog notices(loop);
  auto transport = net::PeerTransport::open(transport_options(options, notices), loop);
  if (!transport.ok()) return failed("peer port", transport.error());
  net::RespServer* clients = nullptr;  // once it listens
  node::NodeOptions settings = node_options(options, memory_max, notices);
  settings.memory_outside = [&clients, &peers = **transport] {
    return peers.queued_bytes() + (clients == nullptr ? 0 : clients->clients().buffered_bytes());
  };
  DataDirectory data;
  auto opened = recover(options, settings, loop, **transport, data);
  if (!opened.ok()) return failed("recovery of " + options.data_directory, opened.error());
  node::Node& node = **opened;
  if (const Status known = introduce_peers(options, **transport); !known.ok()) return failed("peers", known.error());

  loop.at_end_of_turn([&node] { node.end_turn(); });
  loop.at_end_of_turn([&peers = **transport] { peers.end_turn(); });
  auto server = net::RespServer::open(loop, node, doors_of(options), limits);
  if (!server.ok()) return failed("client port", server.error());
  clients = server->get();

  if (options.cluster_listen) spdlog::info("serving clients of Redis Cluster on {}", options.cluster_listen->text());
  spdlog::info("serving clients on {}, peers on {}, data in {}", options.listen.text(), options.peer_listen.text(),
               options.data_directory);
  if (memory_max != 0) spdlog::info("commands that may grow the data are refused above {} MiB", memory_max >> 20);
  Shutdown shutdown(loop, node, **server, options.initial_cluster.size() > 1);
  loop.run([&](int signal) {
    if (signal == SIGHUP) return spdlog::info("SIGHUP: there is nothing to read again; the log is standard error");
    if (signal != SIGUSR1) return shutdown.begin(signal);
    for (const std::string& line : state_summary(node.status(), (*server)->clients().size())) spdlog::info("{}", line);
  });
  spdlog::info("stopped");
  return cli::kExitOk;
}

}  // namespace torc::server
