#include "net/cluster_command.h"

#include <algorithm>
#include <array>
#include <string>

#include "kv/position.h"
#include "net/client_set.h"
#include "net/cluster_map.h"
#include "net/cluster_replies.h"
#include "wire/command_description.h"

namespace torc::net {
namespace {

using Args = std::span<const std::string_view>;
using wire::RespEncoder;

constexpr std::array<std::string_view, 12> kHelp = {
    "COUNT-FAILURE-REPORTS node-id: 0, for nodes report no failures here.",
    "COUNTKEYSINSLOT slot: how many keys the slot has.",
    "GETKEYSINSLOT slot count: keys of the slot, at most 1000.",
    "INFO: whether slots are served.",
    "KEYSLOT key: the slot of a key.",
    "LINKS: the peers this node is connected with.",
    "MYID: the id of this node.",
    "NODES: the nodes with their addresses and slots, one line for each.",
    "REPLICAS node-id: none, for every node is a master of the slots it leads.",
    "SHARDS: the nodes with their slots and replicas.",
    "SLOTS: the slots with their nodes.",
    "HELP: this text.",
};

/// What changes a Redis cluster by hand. Known to Redis, so that a person who tries is told why nothing happens.
constexpr std::array<std::string_view, 14> kChanges = {
    "ADDSLOTS", "ADDSLOTSRANGE", "BUMPEPOCH", "DELSLOTS", "DELSLOTSRANGE", "FAILOVER",   "FLUSHSLOTS",
    "FORGET",   "MEET",          "REPLICATE", "RESET",    "SETSLOT",       "SAVECONFIG", "SET-CONFIG-EPOCH"};

struct Question {
  const ClusterMap& map;
  Args args;  // behind the subcommand
  RespEncoder& out;
};

/// Null after writing the error.
const NamedNode* named_node(const Question& q) {
  const NamedNode* node = q.map.find(q.args[0]);
  if (node == nullptr) q.out.error("ERR Unknown node " + std::string(q.args[0].substr(0, 128)));
  return node;
}

void slots(const Question& q) { write_slots(q.map, q.out); }
void shards(const Question& q) { write_shards(q.map, q.out); }
void links(const Question& q) { write_links(q.map, q.out); }
void nodes(const Question& q) { q.out.verbatim(nodes_text(q.map)); }
void info(const Question& q) { q.out.verbatim(cluster_info_text(q.map)); }
void my_id(const Question& q) { q.out.bulk(q.map.nodes[q.map.self].id); }
void key_slot(const Question& q) { q.out.integer(kv::slot_of(q.args[0])); }
void failure_reports(const Question& q) {
  if (named_node(q) != nullptr) q.out.integer(0);
}
void replicas(const Question& q) {
  if (named_node(q) != nullptr) q.out.array(0);
}

struct Subcommand {
  std::string_view name;
  size_t arguments;
  void (*answer)(const Question&);
};

constexpr std::array kSubcommands = {
    Subcommand{"SLOTS", 0, slots},       Subcommand{"SHARDS", 0, shards},
    Subcommand{"NODES", 0, nodes},       Subcommand{"INFO", 0, info},
    Subcommand{"MYID", 0, my_id},        Subcommand{"KEYSLOT", 1, key_slot},
    Subcommand{"LINKS", 0, links},       Subcommand{"COUNT-FAILURE-REPORTS", 1, failure_reports},
    Subcommand{"REPLICAS", 1, replicas}, Subcommand{"SLAVES", 1, replicas},
};

struct SlotQuery {
  std::string_view name;
  size_t arguments;
  std::string_view command;
};

constexpr std::array kSlotQueries = {SlotQuery{"COUNTKEYSINSLOT", 1, "TORC.SLOTSIZE"},
                                     SlotQuery{"GETKEYSINSLOT", 2, "TORC.SLOTKEYS"}};

Place own_place(const ClientRecord& client, const ClientSet& clients) {
  const OpenDoor* door = clients.door(node::Door::kCluster);
  if (door == nullptr) door = clients.door(node::Door::kAny);
  return door == nullptr ? Place{} : door->place_for(client.door, client.local_address);
}

void wrong_arity(std::string_view subcommand, RespEncoder& out) {
  out.error(wire::wrong_arity_error("cluster|" + std::string(subcommand)));
}

}  // namespace

const wire::CommandRow* slot_query_of(Args args) {
  for (const SlotQuery& query : kSlotQueries) {
    if (!wire::equals_ignoring_case(args[0], query.name)) continue;
    return args.size() - 1 == query.arguments ? wire::find_command(query.command) : nullptr;
  }
  return nullptr;
}

void execute_cluster_command(Args args, const ClientRecord& client, ClientSet& clients, RespEncoder& out) {
  for (const Subcommand& subcommand : kSubcommands) {
    if (!wire::equals_ignoring_case(args[0], subcommand.name)) continue;
    if (args.size() - 1 != subcommand.arguments) return wrong_arity(subcommand.name, out);
    const ClusterMap map = draw_cluster_map(clients.service().topology(), own_place(client, clients));
    return subcommand.answer({map, args.subspan(1), out});
  }
  if (wire::equals_ignoring_case(args[0], "HELP") && args.size() == 1) {
    return wire::write_help("CLUSTER", kHelp, out);
  }
  for (const SlotQuery& query : kSlotQueries) {
    if (wire::equals_ignoring_case(args[0], query.name)) return wrong_arity(query.name, out);
  }
  const bool is_change =
      std::ranges::any_of(kChanges, [&](std::string_view name) { return wire::equals_ignoring_case(args[0], name); });
  if (is_change) return out.error("ERR the nodes of Torc agree on slots and members by themselves: refused");
  out.error(wire::unknown_subcommand_error("CLUSTER", args[0].substr(0, 128)));
}

}  // namespace torc::net
