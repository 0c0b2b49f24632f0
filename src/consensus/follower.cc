#include "consensus/follower.h"

#include <algorithm>
#include <span>

namespace torc::consensus {
AppendOutcome accept_append(LogView& log, const AppendRequest& request) {
  AppendOutcome outcome;
  AppendReply& reply = outcome.reply;
  reply.term = request.term;
  reply.stamp = request.stamp;
  if (!is_run(request.prev_index, request.prev_term, request.term, request.entries)) return outcome;

  const LogIndex prev = request.prev_index;
  // Below our commit index the logs are equal whatever prev_term says (leader completeness), and we may not even know
  // the terms any more. Above it prev has to match.
  if (prev > log.commit() && log.term_at(prev) != request.prev_term) {
    outcome.verdict = AppendVerdict::kRejected;
    reply.prev_index = prev;
    reply.hint_index = std::max(log.commit(), log.last_not_above(prev, request.prev_term));
    reply.hint_term = log.term_at(reply.hint_index).value();
    return outcome;
  }

  const std::span<const Entry> fresh = std::span(request.entries).subspan(log.count_known(request.entries));
  if (!fresh.empty()) {
    if (fresh.front().index <= log.commit()) return outcome;  // contradicts what is committed
    // Behind our commit index prev_term was not compared, and terms never fall along a log.
    if (fresh.front().term < log.term_at(fresh.front().index - 1)) return outcome;
    log.truncate_suffix(fresh.front().index - 1);
    for (const Entry& entry : fresh) log.append(entry);
  }
  reply.accepted = true;
  reply.match_index = std::max(log.commit(), prev + request.entries.size());
  log.commit_to(std::min(request.commit, reply.match_index));
  outcome.verdict = AppendVerdict::kAccepted;
  return outcome;
}

}  // namespace torc::consensus
