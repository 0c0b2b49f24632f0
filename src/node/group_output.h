// What a group asks for, and what it may ask: it calls nobody, as the consensus core does not.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/notice.h"
#include "base/result.h"
#include "base/time.h"
#include "consensus/message.h"
#include "node/request.h"
#include "wire/peer_message.h"

namespace torc::node {

/// Whether this replica leads, compared with the last output. Lost and won again counts as lost.
enum class Leadership : uint8_t { kSame, kWon, kLost };

/// What gathered until the end of Group::advance(), for whoever drives the group to carry out, in this order:
struct GroupOutput {
  std::optional<Error> fatal;  // the node can no longer be trusted: nothing else of this may be carried out
  std::vector<consensus::Message> messages;
  std::vector<wire::SnapshotChunk> chunks;
  std::vector<wire::SnapshotReply> snapshot_replies;
  std::vector<Notice> notices;
  Leadership leadership = Leadership::kSame;  // before the homeless: those who forwarded them are told first
  /// Commands that this replica cannot execute any more and certainly has not proposed.
  std::vector<KeptRequest> homeless;
  bool has_appended = false;  // to the log: flush it, and say Group::on_durable() then
};

/// What a group sees of the node it lives on.
class Surroundings {
 public:
  virtual ~Surroundings() = default;
  virtual bool is_reachable(NodeId node) const = 0;
  /// No stamp may be later (node/clock_watch.h). None: too few clocks are known.
  virtual std::optional<WallMs> latest_stamp(Instant) const { return std::nullopt; }
  /// Something large still waits to be sent there.
  virtual bool is_sending_to(NodeId node) const = 0;
  /// The group's timer has run: it wants a turn.
  virtual void wake() {}
};

}  // namespace torc::node
