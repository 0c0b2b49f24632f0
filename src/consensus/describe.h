// Messages and states as one line of text, for traces that people read.
#pragma once

#include <string>

#include "consensus/message.h"
#include "consensus/replica.h"

namespace torc::consensus {

/// "1->2 AppendRequest term=2 prev=4/1 commit=3 entries=[5/2 noop]". Send stamps are left out: they are clock readings.
std::string describe(const Message& message);
/// "leader term=2 leader=1 commit=3 last=5 stable=5".
std::string describe(const ReplicaStatus& status);

}  // namespace torc::consensus
