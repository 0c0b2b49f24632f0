// The consensus half of the peer codec: message bodies to and from their Protobuf headers. Entries are not its
// business.
#pragma once

#include "base/life_id.h"
#include "consensus/message.h"

namespace torc::wire {

namespace pb {
class Consensus;
class LifeId;
class ReplicaId;
}  // namespace pb

void write_header(consensus::ReplicaId id, pb::ReplicaId& out);
consensus::ReplicaId read_header(const pb::ReplicaId& in);
void write_header(LifeId id, pb::LifeId& out);
LifeId read_header(const pb::LifeId& in);

/// Everything but the entries.
void write_header(const consensus::Message& message, pb::Consensus& out);
/// Everything but the entries. False if the body is missing or of a kind this version does not know.
bool read_header(const pb::Consensus& in, consensus::Message& message);

}  // namespace torc::wire
