#include "consensus/pull_source.h"

namespace torc::consensus {

void PullSource::on_request(ReplicaId from, const PullRequest& request, Term term) {
  PullReply reply = reply_about(request.prev_index, term);
  const std::optional<Term> here = log_.term_at(request.prev_index);
  if (request.prev_index < log_.start_index()) {
    reply.needs_snapshot = true;
  } else if (here != request.prev_term) {
    reply.prev_index = log_.last_not_above(request.prev_index, request.prev_term);
  } else if (const LogIndex first = request.prev_index + 1; first >= log_.first_held()) {
    log_.collect(first, options_.append_bytes_max, reply.entries);
  } else {
    if (loads_.is_out(from)) return;
    loads_.want(EntryLoads::Purpose::kPull, {from, first, log_.first_held() - 1, options_.append_bytes_max});
    return;
  }
  reply.prev_term = log_.term_at(reply.prev_index).value_or(Term());
  outbox_.send_now(from, std::move(reply));
}

void PullSource::entries_loaded(ReplicaId peer, LogIndex first, std::vector<Entry> entries, Term term) {
  if (entries.empty() || !log_.holds(first, entries)) return;
  const std::optional<Term> prev_term = log_.term_at(first - 1);
  if (!prev_term) return;  // cut meanwhile
  PullReply reply = reply_about(first - 1, term);
  reply.prev_term = *prev_term;
  reply.entries = std::move(entries);
  outbox_.send_now(peer, std::move(reply));
}

PullReply PullSource::reply_about(LogIndex prev, Term term) const {
  PullReply reply;
  reply.term = term;
  reply.asked_prev = reply.prev_index = prev;
  reply.last_index = log_.last_index();
  reply.last_term = log_.last_term();
  reply.commit = log_.commit();
  return reply;
}

}  // namespace torc::consensus
