#include "sim/fault.h"

namespace torc::sim {

std::string_view to_string(Fault fault) {
  switch (fault) {
    case Fault::kKillOne:
      return "kill one";
    case Fault::kKillLeader:
      return "kill the leader";
    case Fault::kKillAll:
      return "kill all";
    case Fault::kPauseOne:
      return "pause one";
    case Fault::kPauseLeader:
      return "pause the leader";
    case Fault::kSplit:
      return "split";
    case Fault::kIsolateLeader:
      return "isolate the leader";
    case Fault::kOneWay:
      return "cut one way";
    case Fault::kChain:
      return "cut one pair";
    case Fault::kReset:
      return "reset a connection";
    case Fault::kSlowDisk:
      return "slow disk";
    case Fault::kFullDisk:
      return "full disk";
    case Fault::kWallJump:
      return "wall clock jump";
    case Fault::kBadNetwork:
      return "bad network";
    case Fault::kWipe:
      return "lose a directory";
    case Fault::kHandOver:
      return "hand leadership over";
    case Fault::kPartialSplit:
      return "partial split";
    case Fault::kFlappingLink:
      return "flapping link";
    case Fault::kSlowLink:
      return "slow link";
    case Fault::kOvertaking:
      return "overtaking frames";
    case Fault::kFailedSync:
      return "failed fsync";
    case Fault::kBitFlip:
      return "bit flip";
    case Fault::kLostWrite:
      return "lost write";
    case Fault::kMisdirectedWrite:
      return "misdirected write";
    case Fault::kBadCheckpoint:
      return "bad checkpoint";
    case Fault::kOldCopy:
      return "old copy of a directory";
    case Fault::kSlowCpu:
      return "slow CPU";
    case Fault::kThinLink:
      return "thin link";
    case Fault::kLoseReplica:
      return "lose a replica";
  }
  return "?";
}

}  // namespace torc::sim
