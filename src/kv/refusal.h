// Why a command was not answered by the state machine: a value, so that no node decides by the words of another.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace torc::kv {

/// Stands in recorded replies (kv/recorded_reply.h) and with them in messages between nodes: never renumber, only
/// append. Clients are told words, which net/refusal_words.cc makes. Errors of commands ("ERR value is not an
/// integer") are answers of the state machine and none of these.
enum class Refusal : uint8_t {
  // the command may be executed, or was
  kUnknownOutcome = 1,     // it was proposed, and leadership changed or a majority is away
  kNoAnswer = 2,           // it was sent to the leader, which has not answered in time
  kAnswerUnreadable = 3,   // the leader's answer could not be read
  kUnknownSession = 4,     // its session has ended or has passed it by: an earlier copy may have been executed
  kReplyNotKept = 5,       // it was executed, once, and its answer is not kept (any more)
  kSendSameCallAgain = 6,  // as kUnknownOutcome, to whoever holds the label: the same call finds out
  kSendUnanswered = 7,     // as kNoAnswer, to whoever holds the label
  // certainly not executed
  kSessionOverfull = 8,  // the session remembers too many calls above its floor
  kNotExecuted = 9,      // proposed, and another leader's entry took its place
  kNoMajority = 10,      // never proposed in time: what is before it is not decided
  kReadOverdue = 11,     // a read: no majority has confirmed this leader in time
  kNoLeader = 12,        // never sent: no leader could be reached in time
  kDiskFull = 13,        // the leader's
  kDisksFull = 14,       // a majority's
  kDiskSlow = 15,        // the leader's does not keep up
  kOutOfMemory = 16,
  kOverloaded = 17,       // too much waits on this node for this client's share
  kCommandTooLarge = 18,  // for an entry of the log
  kNotBorn = 19,          // the node holds no replica (yet); it knows why (node/service.h)
  kNotHere = 20,          // a key is outside of the group's arc: the group that owns it has to execute the command
  kCrossSlot = 21,        // its keys stand in different slots
};
constexpr Refusal kRefusalLast = Refusal::kCrossSlot;

/// A number from outside; nothing for one that this version does not know.
std::optional<Refusal> refusal_of(uint8_t number);

/// The copy of the command that was refused certainly was not and will not be executed. Of its other copies, if it was
/// sent more than once, this says nothing.
bool is_definite(Refusal refusal);
/// The leader refused every copy that has come to it (Group::write): none was or will be executed.
bool is_about_all_copies(Refusal refusal);
/// It passes: sending the command again, under its label, is how to find out or to succeed.
bool asks_to_repeat(Refusal refusal);

/// For traces and tests.
std::string_view name_of(Refusal refusal);

}  // namespace torc::kv
