#include "server/state_summary.h"

#include <sstream>

namespace torc::server {
namespace {

std::string_view text_of(node::Membership membership) {
  switch (membership) {
    case node::Membership::kMeeting:
      return "meeting the others";
    case node::Membership::kMember:
      return "member";
    case node::Membership::kReturning:
      return "returning";
    case node::Membership::kStranger:
      return "stranger";
  }
  return "";
}

std::string line_of(const node::GroupStatus& group) {
  const consensus::ReplicaStatus& replica = group.replica;
  std::ostringstream line;
  line << "state: group " << group.group << " " << consensus::to_string(replica.role) << ", term " << replica.term
       << ", leader ";
  if (group.leader_node) {
    line << "node " << group.leader_node;
  } else {
    line << "unknown";
  }
  line << ", commit " << replica.commit << ", applied " << group.applied << ", last " << replica.last_index
       << ", durable " << replica.stable_index << ", checkpoint " << group.checkpoint_index << ", log "
       << group.log_bytes << " bytes, " << group.keys << " keys, state " << group.state_bytes << " bytes";
  return line.str();
}

std::string line_of(const node::PeerStatus& peer) {
  std::ostringstream line;
  line << "state: peer " << peer.node << " " << (peer.is_connected ? "connected" : "not connected");
  if (!peer.client_address.empty()) line << ", clients at " << peer.client_address;
  if (!peer.trouble.empty()) line << "; " << peer.trouble;
  return line.str();
}

}  // namespace

std::vector<std::string> state_summary(const node::NodeStatus& status, size_t clients) {
  std::ostringstream head;
  head << "state: " << text_of(status.membership) << ", " << clients << " clients, " << status.commands_executed
       << " commands executed, " << status.commands_forwarded << " forwarded"
       << (status.disk_full ? ", disk full" : "");
  if (!status.explanation.empty()) head << "; " << status.explanation;
  std::vector<std::string> lines{head.str()};
  for (const node::GroupStatus& group : status.groups) lines.push_back(line_of(group));
  for (const node::PeerStatus& peer : status.peers) lines.push_back(line_of(peer));
  return lines;
}

}  // namespace torc::server
