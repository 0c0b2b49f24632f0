#include "net/info.h"

#include <malloc.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <vector>

#include "wire/command_table.h"

namespace torc::net {
namespace {

using node::GroupStatus;
using node::Membership;

class Text {
 public:
  void section(std::string_view name) {
    if (!text_.empty()) text_ += "\r\n";
    text_.append("# ").append(name).append("\r\n");
  }
  void field(std::string_view name, std::string_view value) {
    text_.append(name).append(":").append(value).append("\r\n");
  }
  void field(std::string_view name, uint64_t value) { field(name, std::to_string(value)); }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string_view role_name(consensus::Role role) {
  switch (role) {
    case consensus::Role::kFollower:
      return "follower";
    case consensus::Role::kPreCandidate:
      return "candidate";  // to people the same: it looks for votes
    case consensus::Role::kCandidate:
      return "candidate";
    case consensus::Role::kLeader:
      return "leader";
  }
  return "";
}

/// The most that it is in any of its groups.
consensus::Role foremost_role(const std::vector<GroupStatus>& groups) {
  consensus::Role role = consensus::Role::kFollower;
  for (const GroupStatus& group : groups) role = std::max(role, group.replica.role);
  return role;
}

bool is_led_here(const GroupStatus& group) { return group.replica.role == consensus::Role::kLeader; }

uint64_t sum_over(const std::vector<GroupStatus>& groups, auto of) {
  uint64_t sum = 0;
  for (const GroupStatus& group : groups) sum += static_cast<uint64_t>(of(group));
  return sum;
}

std::string_view membership_name(Membership membership) {
  switch (membership) {
    case Membership::kMeeting:
      return "meeting";
    case Membership::kMember:
      return "member";
    case Membership::kReturning:
      return "returning";
    case Membership::kStranger:
      return "stranger";
  }
  return "";
}

std::string hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

std::string seconds(const timeval& time) {
  char text[40];
  std::snprintf(text, sizeof text, "%lld.%06ld", static_cast<long long>(time.tv_sec), static_cast<long>(time.tv_usec));
  return text;
}

std::string human(uint64_t bytes) {
  constexpr std::string_view kUnits = "BKMGT";
  auto amount = static_cast<double>(bytes);
  size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < kUnits.size(); ++unit) amount /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f%c" : "%.2f%c", amount, kUnits[unit]);
  return text;
}

uint64_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  unsigned long long total = 0;
  unsigned long long resident = 0;
  const int fields = std::fscanf(file, "%llu %llu", &total, &resident);
  std::fclose(file);
  return fields == 2 ? resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

void write_server(const InfoSource& source, Text& out) {
  utsname system{};
  uname(&system);
  const auto uptime = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(source.uptime).count());
  out.field("redis_version", kRedisVersion);
  out.field("redis_mode", mode_of(source.door));
  out.field("server_name", "torc");
  out.field("os", std::string(system.sysname) + " " + system.release + " " + system.machine);
  out.field("arch_bits", "64");
  out.field("process_id", static_cast<uint64_t>(getpid()));
  out.field("run_id", hex(source.node.cluster.value) + hex(source.node.incarnation.value) + "00000000");
  out.field("tcp_port", source.port);
  out.field("uptime_in_seconds", uptime);
  out.field("uptime_in_days", uptime / 86400);
}

void write_clients(const InfoSource& source, Text& out) {
  out.field("connected_clients", source.clients);
  out.field("maxclients", source.clients_max);
  out.field("blocked_clients", uint64_t{0});
}

/// One line for each name, in the order in which they come first: those of several peers or streams are added up.
void write_gauges(const InfoSource& source, Text& out) {
  std::vector<node::Gauge> sums{{"client_buffers", source.buffered_bytes, source.buffered_bytes_max}};
  for (const node::Gauge& gauge : source.node.gauges) {
    const auto sum = std::ranges::find(sums, gauge.name, &node::Gauge::name);
    if (sum == sums.end()) {
      sums.push_back(gauge);
      continue;
    }
    sum->bytes += gauge.bytes;
    sum->bytes_max += gauge.bytes_max;
  }
  for (const node::Gauge& sum : sums) {
    out.field("gathers_" + std::string(sum.name),
              "bytes=" + std::to_string(sum.bytes) + ",max=" + std::to_string(sum.bytes_max));
  }
}

/// malloc walks over everything that is free in its heaps for this: with many holes more work than all the rest of
/// INFO. So it is at most a second old.
uint64_t allocated_bytes() {
  using Clock = std::chrono::steady_clock;
  thread_local Clock::time_point measured_at;
  thread_local uint64_t bytes = 0;
  if (bytes == 0 || Clock::now() - measured_at >= 1s) {
    const struct mallinfo2 heap = mallinfo2();
    bytes = heap.uordblks + heap.hblkhd;
    measured_at = Clock::now();
  }
  return bytes;
}

void write_memory(const InfoSource& source, Text& out) {
  const uint64_t used = allocated_bytes();
  const uint64_t resident = resident_bytes();
  uint64_t state = 0;
  for (const GroupStatus& group : source.node.groups) state += group.state_bytes;
  out.field("used_memory", source.node.memory_used);
  out.field("used_memory_human", human(source.node.memory_used));
  out.field("allocator_allocated", used);
  out.field("used_memory_rss", resident);
  out.field("used_memory_rss_human", human(resident));
  out.field("used_memory_dataset", state);
  out.field("mem_clients_normal", source.buffered_bytes);
  out.field("maxmemory", source.node.memory_max);
  out.field("maxmemory_human", human(source.node.memory_max));
  out.field("maxmemory_policy", "noeviction");
  write_gauges(source, out);
}

void write_persistence(const InfoSource& source, Text& out) {
  // Clients wait while this is 1. A node that has not met its peers answers errors at once; waiting is the user's
  // choice.
  out.field("loading", uint64_t{0});
  out.field("async_loading", uint64_t{0});
  out.field("rdb_bgsave_in_progress", uint64_t{0});
  out.field("aof_enabled", uint64_t{1});
  out.field("aof_last_write_status", source.node.disk_full ? "err" : "ok");
  out.field("disk_full", uint64_t{source.node.disk_full});
  out.field("log_bytes_unsynced", source.node.log_bytes_unsynced);
  out.field("log_bytes_retained", source.node.log_bytes_retained);
  out.field("damaged_folders", source.node.set_aside.folders);
  out.field("damaged_folders_bytes", source.node.set_aside.bytes);
}

void write_stats(const InfoSource& source, Text& out) {
  out.field("total_connections_received", source.stats.connections_received);
  out.field("rejected_connections", source.stats.connections_rejected);
  out.field("total_commands_processed", source.stats.commands);
  out.field("total_net_input_bytes", source.stats.input_bytes);
  out.field("total_net_output_bytes", source.stats.output_bytes);
  out.field("protocol_errors", source.stats.protocol_errors);
  out.field("client_buffer_limit_disconnections", source.stats.buffer_limit_disconnections);
  out.field("commands_executed", source.node.commands_executed);
  out.field("commands_forwarded", source.node.commands_forwarded);
  out.field("peer_frames_sent", source.node.peer_frames_sent);
  out.field("peer_messages_refused", source.node.peer_messages_refused);
}

void write_replication(const InfoSource& source, Text& out) {
  // Every node takes writes and answers linearizable reads, so to a Redis client each of them is a master.
  out.field("role", "master");
  out.field("connected_slaves", uint64_t{0});
  out.field("master_repl_offset",
            sum_over(source.node.groups, [](const GroupStatus& group) { return group.replica.commit.value; }));
}

void write_cpu(const InfoSource&, Text& out) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  out.field("used_cpu_sys", seconds(usage.ru_stime));
  out.field("used_cpu_user", seconds(usage.ru_utime));
}

/// Sums over all groups: with one group they are that group's.
void write_group_sums(const node::NodeStatus& node, Text& out) {
  const std::vector<GroupStatus>& groups = node.groups;
  const auto sum = [&groups](auto of) { return sum_over(groups, of); };
  const auto largest = [&groups](auto of) {
    uint64_t value = 0;
    for (const GroupStatus& group : groups) value = std::max<uint64_t>(value, of(group));
    return value;
  };
  out.field("raft_groups", groups.size());
  out.field("raft_groups_led", sum([](const GroupStatus& group) { return is_led_here(group) ? 1 : 0; }));
  out.field("raft_groups_leaderless", sum([](const GroupStatus& group) { return group.leader_node ? 0 : 1; }));
  out.field("raft_role", role_name(foremost_role(groups)));
  if (groups.empty()) return;
  if (groups.size() == 1) {
    out.field("raft_group_id", groups[0].group.value);
    out.field("raft_leader_id", groups[0].leader_node.value);
    out.field("raft_leader_address", groups[0].leader_address);
    out.field("raft_has_lease", uint64_t{groups[0].replica.has_lease});
  }
  out.field("raft_term", largest([](const GroupStatus& group) { return group.replica.term.value; }));
  out.field("raft_commit_index", sum([](const GroupStatus& group) { return group.replica.commit.value; }));
  out.field("raft_applied_index", sum([](const GroupStatus& group) { return group.applied.value; }));
  out.field("raft_applied_bytes", sum([](const GroupStatus& group) { return group.applied_bytes; }));
  out.field("raft_operations", sum([](const GroupStatus& group) { return group.operations; }));
  out.field("raft_stamp_ms", largest([](const GroupStatus& group) { return std::max<int64_t>(group.stamp.ms, 0); }));
  out.field("raft_last_index", sum([](const GroupStatus& group) { return group.replica.last_index.value; }));
  out.field("raft_stable_index", sum([](const GroupStatus& group) { return group.replica.stable_index.value; }));
  out.field("raft_checkpoint_index", sum([](const GroupStatus& group) { return group.checkpoint_index.value; }));
  out.field("raft_snapshots_installed", sum([](const GroupStatus& group) { return group.snapshots_installed; }));
  out.field("raft_stamps_set_back", sum([](const GroupStatus& group) { return group.stamps_set_back; }));
  out.field("raft_appends_put_off", sum([](const GroupStatus& group) { return group.appends_put_off; }));
  out.field("raft_log_bytes", sum([](const GroupStatus& group) { return group.log_bytes; }));
  out.field("raft_voters", std::ranges::min(groups, {}, &GroupStatus::voters).voters);
}

/// A line for each group. Up to 1,024 of them: only for who asks for them.
void write_groups(const InfoSource& source, Text& out) {
  for (const GroupStatus& group : source.node.groups) {
    const consensus::ReplicaStatus& replica = group.replica;
    const auto number = [](uint64_t value) { return std::to_string(value); };
    out.field("group" + number(group.group.value),
              "slots=" + number(group.arc.first_slot) + "-" + number(group.arc.end_slot - 1) +
                  ",role=" + std::string(role_name(replica.role)) + ",term=" + number(replica.term.value) +
                  ",leader=" + number(group.leader_node.value) + ",commit=" + number(replica.commit.value) +
                  ",applied=" + number(group.applied.value) + ",checkpoint=" + number(group.checkpoint_index.value) +
                  ",keys=" + number(group.keys) + ",state_bytes=" + number(group.state_bytes) +
                  ",log_bytes=" + number(group.log_bytes) + ",voters=" + number(group.voters));
  }
}

void write_raft(const InfoSource& source, Text& out) {
  const node::NodeStatus& node = source.node;
  out.field("raft_node_id", node.node.value);
  out.field("raft_incarnation", hex(node.incarnation.value));
  out.field("raft_cluster_id", hex(node.cluster.value));
  out.field("raft_membership", membership_name(node.membership));
  if (!node.explanation.empty()) out.field("raft_explanation", node.explanation);
  for (size_t i = 0; i < node.warnings.size(); ++i) out.field("raft_warning" + std::to_string(i), node.warnings[i]);
  out.field("raft_chapter", node.chapter);
  write_group_sums(node, out);
  for (size_t i = 0; i < node.peers.size(); ++i) {
    const node::PeerStatus& peer = node.peers[i];
    out.field("raft_peer" + std::to_string(i), "id=" + std::to_string(peer.node.value) +
                                                   ",address=" + peer.client_address +
                                                   ",connected=" + (peer.is_connected ? "1" : "0"));
    if (!peer.trouble.empty()) out.field("raft_trouble_with_peer" + std::to_string(i), peer.trouble);
  }
}

void write_cluster(const InfoSource& source, Text& out) {
  out.field("cluster_enabled", uint64_t{source.door == node::Door::kCluster});
}

void write_keyspace(const InfoSource& source, Text& out) {
  uint64_t keys = 0;
  for (const GroupStatus& group : source.node.groups) keys += group.keys;
  if (keys > 0) out.field("db0", "keys=" + std::to_string(keys));
}

struct Section {
  std::string_view title;
  std::string_view name;  // upper case
  void (*write)(const InfoSource&, Text&);
  bool is_default = true;
};

constexpr std::array kSections = {
    Section{"Server", "SERVER", write_server},
    Section{"Clients", "CLIENTS", write_clients},
    Section{"Memory", "MEMORY", write_memory},
    Section{"Persistence", "PERSISTENCE", write_persistence},
    Section{"Stats", "STATS", write_stats},
    Section{"Replication", "REPLICATION", write_replication},
    Section{"CPU", "CPU", write_cpu},
    Section{"Raft", "RAFT", write_raft},
    Section{"Groups", "GROUPS", write_groups, false},
    Section{"Cluster", "CLUSTER", write_cluster},
    Section{"Keyspace", "KEYSPACE", write_keyspace},
};

bool names(std::string_view wanted, const Section& section) {
  return wire::equals_ignoring_case(wanted, section.name) || wire::equals_ignoring_case(wanted, "ALL") ||
         wire::equals_ignoring_case(wanted, "EVERYTHING") ||
         (section.is_default && wire::equals_ignoring_case(wanted, "DEFAULT"));
}

}  // namespace

std::string_view mode_of(node::Door door) { return door == node::Door::kCluster ? "cluster" : "standalone"; }

std::string info_text(const InfoSource& source, std::span<const std::string_view> sections) {
  Text out;
  for (const Section& section : kSections) {
    const bool is_wanted = sections.empty()
                               ? section.is_default
                               : std::any_of(sections.begin(), sections.end(),
                                             [&](std::string_view wanted) { return names(wanted, section); });
    if (!is_wanted) continue;
    out.section(section.title);
    section.write(source, out);
  }
  return out.take();
}

}  // namespace torc::net
