// What a member does with a leader's entries (Raft 5.3, figure 2 "AppendEntries receiver").
#pragma once

#include "consensus/log_view.h"
#include "consensus/message.h"

namespace torc::consensus {

enum class AppendVerdict : uint8_t {
  kAccepted,  // the log equals the leader's up to reply.match_index: true for others once it is durable
  kRejected,  // the logs differ at prev; the reply says where to look next
  kRefused,   // no correct leader sends this; the log is unchanged
};

struct AppendOutcome {
  AppendVerdict verdict = AppendVerdict::kRefused;
  AppendReply reply;
};

/// Stores what is new, replaces what conflicts, and moves the commit index. Never touches committed entries.
/// Requires: the request is of the current term's leader.
AppendOutcome accept_append(LogView& log, const AppendRequest& request);

}  // namespace torc::consensus
