// Who this data directory belongs to: the file "identity", replaced atomically before anything depends on it
// (rules.md#new-life-new-id).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/life_id.h"
#include "base/result.h"
#include "base/strong_id.h"
#include "consensus/types.h"
#include "env/disk.h"

namespace torc::node {

struct Identity {
  NodeId node;
  Incarnation incarnation;     // drawn when the directory was first used
  std::vector<NodeId> listed;  // --initial-cluster, sorted
  uint32_t arcs = 1;           // --arcs
  std::vector<LifeId> roster;  // who the cluster was born with, sorted; empty: not written down yet
  bool is_born = false;        // every listed node has written the same roster

  LifeId self() const { return {node, incarnation}; }
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
ClusterId cluster_id_of(const std::vector<LifeId>& roster);

/// The replica that a life begins with in each group. All nodes know it from the roster, so a cluster is born with it
/// without a word. It has the life's number, which was drawn for this directory alone and is durable before anything is
/// said; every later replica of a group has a number drawn for it (node/replica_numbers.h).
consensus::ReplicaId first_replica_of(LifeId life);

}  // namespace torc::node
