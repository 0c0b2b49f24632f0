#include "kv/refusal.h"

#include <array>

#include "base/check.h"

namespace torc::kv {
namespace {

enum class Executed : uint8_t { kPerhaps, kNotThisCopy, kNoCopy };
enum class Repeat : uint8_t { kNo, kYes };

struct Row {
  Refusal refusal;
  Executed executed;
  Repeat repeat;
  std::string_view name;
};

constexpr std::array kRows = {
    Row{Refusal::kUnknownOutcome, Executed::kPerhaps, Repeat::kNo, "unknown outcome"},
    Row{Refusal::kNoAnswer, Executed::kPerhaps, Repeat::kNo, "no answer"},
    Row{Refusal::kAnswerUnreadable, Executed::kPerhaps, Repeat::kNo, "answer unreadable"},
    Row{Refusal::kUnknownSession, Executed::kPerhaps, Repeat::kNo, "unknown session"},
    Row{Refusal::kReplyNotKept, Executed::kPerhaps, Repeat::kNo, "reply not kept"},
    Row{Refusal::kSendSameCallAgain, Executed::kPerhaps, Repeat::kYes, "send the same call again"},
    Row{Refusal::kSendUnanswered, Executed::kPerhaps, Repeat::kYes, "no answer, send the same call again"},
    Row{Refusal::kSessionOverfull, Executed::kNotThisCopy, Repeat::kNo, "session overfull"},
    Row{Refusal::kNotExecuted, Executed::kNotThisCopy, Repeat::kYes, "not executed"},
    Row{Refusal::kNoMajority, Executed::kNotThisCopy, Repeat::kYes, "no majority"},
    Row{Refusal::kReadOverdue, Executed::kNotThisCopy, Repeat::kNo, "read overdue"},
    Row{Refusal::kNoLeader, Executed::kNotThisCopy, Repeat::kNo, "no leader"},
    Row{Refusal::kDiskFull, Executed::kNoCopy, Repeat::kNo, "disk full"},
    Row{Refusal::kDisksFull, Executed::kNoCopy, Repeat::kNo, "disks full"},
    Row{Refusal::kDiskSlow, Executed::kNoCopy, Repeat::kYes, "disk slow"},
    Row{Refusal::kOutOfMemory, Executed::kNoCopy, Repeat::kNo, "out of memory"},
    Row{Refusal::kOverloaded, Executed::kNotThisCopy, Repeat::kNo, "overloaded"},
    Row{Refusal::kCommandTooLarge, Executed::kNoCopy, Repeat::kNo, "command too large"},
    Row{Refusal::kNotBorn, Executed::kNotThisCopy, Repeat::kNo, "not born"},
    Row{Refusal::kNotHere, Executed::kNotThisCopy, Repeat::kYes, "not here"},
    Row{Refusal::kCrossSlot, Executed::kNoCopy, Repeat::kNo, "cross slot"},
};

constexpr bool is_ordered_by_number() {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<size_t>(kRows[i].refusal) != i + 1) return false;
  }
  return kRows.back().refusal == kRefusalLast;
}
static_assert(is_ordered_by_number(), "a row per refusal, in the order of their numbers from 1 on");

const Row& row_of(Refusal refusal) {
  const size_t number = static_cast<size_t>(refusal);
  CHECK(number >= 1 && number <= kRows.size()) << number;  // those from outside came through refusal_of()
  return kRows[number - 1];
}

}  // namespace

std::optional<Refusal> refusal_of(uint8_t number) {
  if (number == 0 || number > kRows.size()) return std::nullopt;
  return kRows[number - 1].refusal;
}

bool is_definite(Refusal refusal) { return row_of(refusal).executed != Executed::kPerhaps; }
bool is_about_all_copies(Refusal refusal) { return row_of(refusal).executed == Executed::kNoCopy; }
bool asks_to_repeat(Refusal refusal) { return row_of(refusal).repeat == Repeat::kYes; }
std::string_view name_of(Refusal refusal) { return row_of(refusal).name; }

}  // namespace torc::kv
