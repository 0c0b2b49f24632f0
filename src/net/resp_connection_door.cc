// The manners of the cluster door: what belongs elsewhere is not executed, its client is sent there.
#include "kv/command_slot.h"
#include "net/client_set.h"
#include "net/cluster_command.h"
#include "net/resp_connection.h"

namespace torc::net {
namespace {

constexpr std::string_view kNotServed = "CLUSTERDOWN Hash slot not served";

/// As Redis writes it: an IPv6 address without brackets.
std::string moved(uint16_t slot, const Place& place) {
  return "MOVED " + std::to_string(slot) + " " + place.host + ":" + std::to_string(place.port);
}

}  // namespace

/// Whether the command is for this node to execute; else its client has been answered why not. A leader that has no
/// cluster door, or has not told of one yet, is no reason to fail: this node passes the command on to it. Neither is
/// one that is being elected: the command waits for it here. (To a client CLUSTERDOWN is the cluster's end: redis-py
/// sends the whole pipeline again, also what was executed, and redis-benchmark sleeps a second for each.)
bool RespConnection::belongs_here(const wire::CommandRow& row, std::span<const std::string_view> args) {
  const kv::CommandSlot where = kv::slot_of_command(row.traits, args);
  if (where.kind == kv::CommandSlot::Kind::kNone) return true;
  if (where.kind == kv::CommandSlot::Kind::kSeveral) {
    const node::Ticket ticket = replies_.issue();
    begin_answer(ticket).refusal(kv::Refusal::kCrossSlot);
    end_reply(ticket);
    return false;
  }
  const node::Whereabouts whereabouts = clients_.service().locate(where.slot);
  const bool may_stay = record_.is_readonly && !row.traits.is_write;
  if (whereabouts.is_here || may_stay) return true;
  if (whereabouts.is_awaited) return true;
  if (!whereabouts.leader) {
    const std::string why = clients_.service().explanation();
    answer_error(std::string(kNotServed) + (why.empty() ? "" : ": " + why));
    return false;
  }
  const Place place = place_of(whereabouts.cluster_door);
  if (!place.is_known()) return true;
  answer_error(moved(where.slot, place));
  return false;
}

/// CLUSTER COUNTKEYSINSLOT and GETKEYSINSLOT. At the cluster door they are about this node's own keys, as in Redis: of
/// a slot that is led elsewhere it has none.
void RespConnection::submit_slot_query(const wire::CommandRow& query, std::span<const std::string_view> args) {
  const kv::CommandSlot where = kv::slot_of_command(query.traits, args);
  const bool is_elsewhere = record_.door == node::Door::kCluster && where.kind == kv::CommandSlot::Kind::kOne &&
                            !clients_.service().locate(where.slot).is_here;
  if (!is_elsewhere) return submit_checked(query, args, nullptr);
  const node::Ticket ticket = replies_.issue();
  AnswerEncoder& out = begin_answer(ticket);
  query.traits.id == kv::CommandId::kTorcSlotSize ? out.integer(0) : out.array(0);
  end_reply(ticket);
}

}  // namespace torc::net
