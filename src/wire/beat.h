// The heartbeats of all groups from one node to another as one message, and the answers to them as one
// (rules.md#heartbeats-per-node-pair). Nothing is left out: out of a beat come exactly the heartbeats that went in, and
// out of its reply, for whoever kept the beat, exactly the answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strong_id.h"
#include "consensus/message.h"

namespace torc::wire {

/// One group's heartbeat. The nodes are those at the two ends of the connection.
struct Heartbeat {
  GroupId group;
  ReplicaNumber from;
  ReplicaNumber to;
  consensus::HeartbeatRequest request;
};

/// Sent by a node that leads several groups of which the receiver has a replica: their heartbeats of one turn.
struct Beat {
  uint64_t number = 0;  // names it; no two beats that a node ever sent have the same one, but by chance of 2^-64
  std::vector<Heartbeat> heartbeats;  // by group, then by receiver
};

/// A heartbeat of the beat that was not answered as expected. "As expected" is: follows this leader in its term, and
/// the log's durable end is where the heartbeat's commit index is. That is so whenever a group rests.
struct BeatException {
  uint32_t position = 0;  // in Beat::heartbeats
  /// The durable end of a log whose replica follows. Nothing: this reply does not answer for the group. It may have
  /// said something else, in a message of its own; or nothing.
  std::optional<LogIndex> last_index;
};

/// Sent by the receiver of a beat, in the turn in which it came.
struct BeatReply {
  uint64_t number = 0;                    // the beat's
  std::vector<BeatException> exceptions;  // by position
};

/// More go in a beat of their own: 512 take at most 35 KiB, so that no beat ever leaves the control connection.
constexpr size_t kHeartbeatsMax = 512;

/// Heartbeat: varint group (less that of the one before), u8 flags (bit 0: `from` as in the one before, bit 1: `to`),
/// [u64 from], [u64 to], varint term, zigzag stamp (less `stamp`), varint commit, zigzag replicated_to_all (less
/// commit).
/// Requires: ordered by group and receiver, none twice, at most kHeartbeatsMax.
void append_heartbeats(const std::vector<Heartbeat>& heartbeats, consensus::SendStamp stamp, std::string& out);
/// Errors: kInvalid.
Result<std::vector<Heartbeat>> read_heartbeats(std::string_view raw, consensus::SendStamp stamp);

/// Exception: varint (positions passed over since the one before) << 1 | has last_index, [varint last_index].
/// Requires: ordered by position, each below kHeartbeatsMax.
void append_exceptions(const std::vector<BeatException>& exceptions, std::string& out);
/// Errors: kInvalid.
Result<std::vector<BeatException>> read_exceptions(std::string_view raw);

}  // namespace torc::wire
