// Who this data directory belongs to: the file "identity", replaced atomically before anything depends on it
// (rules.md#new-life-new-id).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strong_id.h"
#include "consensus/types.h"
#include "env/disk.h"

namespace torc::node {

struct Identity {
  NodeId node;
  Incarnation incarnation;                   // drawn when the directory was first used
  std::vector<NodeId> listed;                // --initial-cluster, sorted
  uint32_t arcs = 1;                         // --arcs
  std::vector<consensus::ReplicaId> roster;  // who the cluster was born with, sorted; empty: not written down yet
  bool is_born = false;                      // every listed node has written the same roster

  consensus::ReplicaId self() const { return {node, incarnation}; }
  friend bool operator==(const Identity&, const Identity&) = default;
};

/// Layout: "TORCIDN2", u32 CRC-32C of the rest, u64 node, u64 incarnation, u8 is_born, varint arcs, varint count and
/// u64 per listed node, varint count and two u64 per roster member.
std::string encode_identity(const Identity& identity);
Result<Identity> decode_identity(std::string_view bytes);

/// Nothing if the directory has no identity yet. Errors: kCorrupt, kVersion, kIo.
Result<std::optional<Identity>> load_identity(env::Disk& disk);
/// Blocking and durable.
Status save_identity(env::Disk& disk, const Identity& identity);

/// The same on every node born with this roster; none for an empty roster.
ClusterId cluster_id_of(const std::vector<consensus::ReplicaId>& roster);

}  // namespace torc::node
