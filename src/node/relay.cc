#include "node/relay.h"

#include <utility>

namespace torc::node {

void Relay::on_request(NodeId from, wire::ForwardRequest request) {
  const consensus::ReplicaId leader = host_.known_leader();
  if (leader && leader.node != from && host_.can_send_to(leader.node)) {
    request.wants_relay = false;
    request.is_relayed = true;
    request.origin = from;
    host_.send_to(leader.node, request);
    return;
  }
  wire::ForwardReply reply;
  reply.group = request.group;
  reply.epoch = request.epoch;
  reply.is_rejected = true;
  reply.is_probe = request.commands.empty();
  reply.batch = request.batch;
  reply.leader = leader;
  host_.send_to(from, reply);
}

void Relay::on_reply(const wire::ForwardReply& reply) {
  if (host_.can_send_to(reply.origin)) host_.send_to(reply.origin, reply);
}

}  // namespace torc::node
