#include "consensus/invariants.h"

#include <algorithm>
#include <sstream>

#include "base/crc32c.h"
#include "consensus/replica_parts.h"

namespace torc::consensus {

struct InvariantView {
  static const Replica::Parts& parts(const Replica& replica) { return *replica.parts_; }
};

namespace {

template <typename... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

}  // namespace

std::string violation_in(const Replica& replica) {
  const auto& p = InvariantView::parts(replica);
  const LogView& log = p.log;
  if (log.start_index() > log.commit() || log.commit() > log.last_index() || log.stable_index() > log.last_index()) {
    return text("log bounds: start ", log.start_index(), " commit ", log.commit(), " stable ", log.stable_index(),
                " last ", log.last_index());
  }
  if (log.last_term() > p.election.term()) return text("entry of term ", log.last_term(), " in ", p.election.term());
  if (log.configuration_index() > log.last_index()) return "configuration beyond the log";
  if (p.replicated_to_all > log.last_index()) return "replicated_to_all beyond the log";
  if (p.has_lease(p.now) && !p.is_leader()) return "lease without leadership";
  if (!p.is_leader()) return {};
  if (p.election.leader() != p.options.self) return "leader that follows another";
  if (p.election.ballot().vote() != p.options.self) return "leader that voted for another";
  const bool is_noop_cut = p.noop <= log.start_index();
  if (log.last_term() != p.election.term() || (!is_noop_cut && log.term_at(p.noop) != p.election.term()) ||
      (!is_noop_cut && log.term_at(p.noop - 1) == p.election.term())) {
    return text("no-op expected at ", p.noop);
  }
  for (const ReplicaId id : log.configuration().members()) {
    const Progress* peer = p.replication.progress_of(id);
    if (id == p.options.self) continue;
    if (!peer) return text("member without progress: ", id);
    if (peer->match() >= peer->next() || peer->next() > log.last_index() + 1) {
      return text(id, ": match ", peer->match(), " next ", peer->next(), " last ", log.last_index());
    }
    if (peer->state() == Progress::State::kProbe && peer->in_flight_bytes() != 0) return "flights while probing";
  }
  return {};
}

std::string GroupInvariants::observe(ReplicaId id, const Replica& replica) {
  const auto& p = InvariantView::parts(replica);
  if (std::string wrong = violation_in(replica); !wrong.empty()) return text(id, ": ", wrong);
  const auto [at, is_new] = seen_.try_emplace(id);
  Seen& seen = at->second;
  std::string wrong = observe_entries(seen, replica);
  if (wrong.empty()) wrong = observe_commit(seen, replica);
  if (wrong.empty()) wrong = observe_leader(id, replica);
  if (p.election.term() < seen.term) wrong = text("term fell from ", seen.term, " to ", p.election.term());
  seen = {p.log.commit(), p.log.last_index(), p.log.last_term(), p.election.term()};
  return wrong.empty() ? wrong : text(id, ": ", wrong);
}

std::string GroupInvariants::observe_leader(ReplicaId id, const Replica& replica) {
  const auto& p = InvariantView::parts(replica);
  if (!p.is_leader()) return {};
  const auto [leader, is_first] = leaders_.try_emplace(p.election.term(), id);
  if (leader->second != id)
    return text("election safety: term ", p.election.term(), " is led by ", leader->second, " too");
  if (!is_first) return {};
  for (size_t i = committed_.size(); i > 0; --i) {
    const LogIndex index(i);
    if (committed_[i - 1].by_term >= p.election.term()) continue;
    if (index > p.log.last_index() || p.log.term_at(index).value_or(committed_[i - 1].term) != committed_[i - 1].term) {
      return text("leader completeness: term ", p.election.term(), " lacks committed entry ", index);
    }
    break;  // log matching covers the rest
  }
  return {};
}

std::string GroupInvariants::observe_entries(const Seen& seen, const Replica& replica) {
  const LogView& log = InvariantView::parts(replica).log;
  const bool is_extension = seen.last_index >= log.start_index() && log.term_at(seen.last_index) == seen.last_term;
  const LogIndex first = std::max(log.first_held(), is_extension ? seen.last_index + 1 : LogIndex(1));
  if (first > log.last_index()) return {};
  std::vector<Entry> entries;
  log.collect(first, SIZE_MAX, entries);
  Term prev_term = log.term_at(first - 1).value_or(Term());
  for (const Entry& entry : entries) {
    const Known here{prev_term, crc32c(entry.encoded.view())};
    const auto [known, is_new] = entries_.try_emplace({entry.index, entry.term}, here);
    if (known->second.prev_term != here.prev_term || known->second.crc != here.crc) {
      return text("log matching: two entries ", entry.index, " of term ", entry.term);
    }
    prev_term = entry.term;
  }
  return {};
}

std::string GroupInvariants::observe_commit(const Seen& seen, const Replica& replica) {
  const auto& p = InvariantView::parts(replica);
  if (p.log.commit() < seen.commit) return text("commit fell from ", seen.commit, " to ", p.log.commit());
  for (LogIndex index = seen.commit + 1; index <= p.log.commit(); ++index) {
    const std::optional<Term> term = p.log.term_at(index);
    if (!term) continue;  // cut
    const auto known = entries_.find({index, *term});
    if (known == entries_.end()) continue;  // the start's own term stands for an entry nobody holds any more
    if (index <= committed()) {
      const Committed& before = committed_[index.value - 1];
      if (before.term != *term || before.crc != known->second.crc) {
        return text("state machine safety: ", index, " committed in terms ", before.term, " and ", *term);
      }
    } else if (index == committed() + 1) {
      committed_.push_back({*term, known->second.crc, p.election.term()});
    }
  }
  return {};
}

}  // namespace torc::consensus
