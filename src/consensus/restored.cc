// What a replica demands of the log and the checkpoint it starts with: they come from a disk, and from whichever
// version wrote them.
#include <string>

#include "consensus/replica.h"

namespace torc::consensus {
namespace {

Error corrupt(const std::string& what) { return {ErrorCode::kCorrupt, "the log contradicts itself: " + what}; }

std::string text(LogIndex index) { return std::to_string(index.value); }

}  // namespace

Status check_restored(const RestoredState& restored) {
  const LogIndex start = restored.start_index;
  const LogIndex last = restored.last_index;
  if (start > last) return corrupt("it starts after entry " + text(start) + " and ends at entry " + text(last));
  if (last > kLogIndexMax) return corrupt("it ends at entry " + text(last));
  if (restored.commit > last) return corrupt("entry " + text(restored.commit) + " is committed and not there");
  if (restored.term_runs.empty() != (start == last)) return corrupt("the terms of its entries are not known");
  LogIndex next = start + 1;
  Term term = restored.start_term;
  for (const TermRun& run : restored.term_runs) {
    const bool is_first = &run == &restored.term_runs.front();
    const bool is_in_place = is_first ? run.first_index == next : run.first_index >= next;
    if (!is_in_place || run.first_index > last || run.term < term) {
      return corrupt("entry " + text(run.first_index) + " of term " + std::to_string(run.term.value));
    }
    next = run.first_index + 1;
    term = run.term;
  }
  if (restored.hard_state.term < term || restored.hard_state.term > kTermMax) {
    return corrupt("its last entry is of term " + std::to_string(term.value) + ", its replica was in term " +
                   std::to_string(restored.hard_state.term.value));
  }
  LogIndex before = start;
  for (const PlacedConfiguration& placed : restored.configurations) {
    if (placed.index <= before || placed.index > last) return corrupt("a configuration at entry " + text(placed.index));
    before = placed.index;
  }
  return {};
}

}  // namespace torc::consensus
