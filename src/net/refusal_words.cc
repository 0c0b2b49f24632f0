#include "net/refusal_words.h"

#include "kv/sessions.h"

namespace torc::net {

static_assert(kv::kSessionRecordsMax == 16384, "the words below say so");

std::string_view words_of(kv::Refusal refusal) {
  switch (refusal) {
    case kv::Refusal::kUnknownOutcome:
      return "UNKNOWN outcome: leadership changed or a majority is away; the command may or may not be executed";
    case kv::Refusal::kNoAnswer:
      return "UNKNOWN outcome: no answer from the leader in time; the command may or may not be executed";
    case kv::Refusal::kAnswerUnreadable:
      return "UNKNOWN outcome: the leader's answer could not be read";
    case kv::Refusal::kUnknownSession:
      return "UNKNOWN outcome: session expired or unknown";
    case kv::Refusal::kReplyNotKept:
      return "EXECUTED once: this call had its effect, its answer is not kept";
    case kv::Refusal::kSendSameCallAgain:
      return "TRYAGAIN leadership changed, send the same call again";
    case kv::Refusal::kSendUnanswered:
      return "TRYAGAIN no answer from the leader in time, send the same call again";
    case kv::Refusal::kSessionOverfull:
      return "ERR the session has 16384 calls above its floor: raise it; this call was not executed";
    case kv::Refusal::kNotExecuted:
      return "TRYAGAIN leadership changed, the command was not executed";
    case kv::Refusal::kNoMajority:
      return "TRYAGAIN no majority answered in time, the command was not executed";
    case kv::Refusal::kReadOverdue:
      return "CLUSTERDOWN no majority confirmed this leader in time, try again";
    case kv::Refusal::kNoLeader:
      return "CLUSTERDOWN no leader could be reached in time, the command was not executed";
    case kv::Refusal::kDiskFull:
      return "MISCONF the disk of the leader is full: writes are refused until there is space";
    case kv::Refusal::kDisksFull:
      return "MISCONF the disks of a majority of the nodes are full: writes are refused until there is space";
    case kv::Refusal::kDiskSlow:
      return "TRYAGAIN the disk of the leader does not keep up, the command was not executed";
    case kv::Refusal::kOutOfMemory:
      return "OOM command not allowed when used memory > 'maxmemory'.";
    case kv::Refusal::kOverloaded:
      return "ERR too many writes (or reads) are waiting on this node, try later";
    case kv::Refusal::kCommandTooLarge:
      return "ERR the command is larger than an entry of the log may be";
    case kv::Refusal::kNotBorn:
      return "CLUSTERDOWN";
    case kv::Refusal::kNotHere:
      return "TRYAGAIN the key belongs to another group, the command was not executed";
    case kv::Refusal::kCrossSlot:
      return "CROSSSLOT Keys in request don't hash to the same slot";
  }
  return "UNKNOWN outcome";
}

}  // namespace torc::net
