#include "consensus/follower.h"

#include <algorithm>
#include <span>

namespace torc::consensus {
namespace {

bool is_well_formed(const AppendRequest& request) {
  LogIndex index = request.prev_index;
  Term term = request.prev_term;
  if (request.prev_term > request.term || request.prev_index.value > UINT64_MAX - request.entries.size()) return false;
  for (const Entry& entry : request.entries) {
    if (entry.index != ++index || entry.term < term || entry.term > request.term) return false;
    if (entry.encoded.size() < kEntryHeaderBytes) return false;
    if (entry.kind == EntryKind::kConfiguration && !decode_configuration(entry.payload()).ok()) return false;
    term = entry.term;
  }
  return true;
}

}  // namespace

AppendOutcome accept_append(LogView& log, const AppendRequest& request) {
  AppendOutcome outcome;
  AppendReply& reply = outcome.reply;
  reply.term = request.term;
  reply.stamp = request.stamp;
  if (!is_well_formed(request)) return outcome;

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

  size_t known = 0;
  for (; known < request.entries.size(); ++known) {
    const Entry& entry = request.entries[known];
    if (entry.index < log.start_index()) continue;
    if (entry.index > log.last_index() || log.term_at(entry.index) != entry.term) break;
  }
  const std::span<const Entry> fresh = std::span(request.entries).subspan(known);
  if (!fresh.empty()) {
    if (fresh.front().index <= log.commit()) return outcome;  // contradicts what is committed
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
