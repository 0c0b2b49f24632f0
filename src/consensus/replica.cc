#include "consensus/replica.h"

#include <algorithm>

#include "consensus/replica_parts.h"

namespace torc::consensus {

Replica::Parts::Parts(const ReplicaOptions& replica_options, const RestoredState& restored, Instant start)
    : options(replica_options),
      outbox(options.group, options.self),
      log(restored, options.held_bytes_max),
      election(options, restored.hard_state, log, outbox, start),
      replication(options, log, outbox, clock, loads, snapshots),
      pull(options, log, outbox),
      pull_source(options, log, outbox, loads, snapshots),
      now(start),
      commit_reported(log.commit()) {
  CHECK(options.heartbeat_interval > Duration(0)) << "heartbeats without a pause";
  CHECK(options.election_timeout_min > options.heartbeat_interval) << "no heartbeat fits into an election timeout";
  CHECK(options.lease_drift_percent >= 0 && options.lease_drift_percent <= 100) << options.lease_drift_percent;
  CHECK(restored.hard_state.term >= log.last_term()) << "entries of a term above the ballot's";
}

void Replica::Parts::advance(Instant to) {
  CHECK(to >= now) << "time runs backwards: " << to << " after " << now;
  now = to;
}

void Replica::Parts::settle() {
  if (election.has_won()) become_leader();
  if (!may_pull()) pull.stop();
  if (!is_leader()) return;
  const LogIndex stored = replication.quorum_match();
  // Entries of earlier terms are committed only through one of this term (Raft figure 8).
  if (stored >= noop) log.commit_to(stored);
  raise_replicated_to_all(replication.match_of_all());
  reads.confirm(replication.quorum_stamp(), log.commit(), outcomes);
  finish_change();
  if (!is_leader()) return;
  if (transfer.must_tell()) {
    const Progress* target = replication.progress_of(transfer.target());
    if (target && target->match() == log.last_index()) {
      transfer.told();
      outbox.send_now(transfer.target(), TimeoutNow{election.term()});
    }
  }
  replication.send_appends(now);
}

void Replica::Parts::campaign() {
  election.campaign(now);
  if (may_pull() && election.role() == Role::kPreCandidate) pull.start_round();
}

bool Replica::Parts::may_pull() const {
  const Role role = election.role();
  return options.pull && !election.leader() && (role == Role::kFollower || role == Role::kPreCandidate);
}

void Replica::Parts::become_leader() {
  election.become_leader();
  noop = log.last_index() + 1;
  transfer.start();
  reads.start(noop, clock.last());
  replication.start(election.term(), now);
  log.append(make_entry(election.term(), noop, EntryKind::kNoop, std::string(kEntryHeaderBytes, '\0')));
  replication.send_appends(now);
  send_heartbeats();
}

void Replica::Parts::append_configuration(const Configuration& configuration) {
  std::string buffer(kEntryHeaderBytes, '\0');
  buffer += encode_configuration(configuration);
  log.append(make_entry(election.term(), log.last_index() + 1, EntryKind::kConfiguration, std::move(buffer)));
  replication.follow_configuration(now);
  // Who confirms reads has changed; nobody is left to ask if the leader is now alone.
  reads.confirm(replication.quorum_stamp(), log.commit(), outcomes);
}

void Replica::Parts::finish_change() {
  if (!is_configuration_committed()) return;
  const Configuration& configuration = log.configuration();
  if (configuration.is_joint()) return append_configuration(without_outgoing(configuration));
  if (configuration.is_voter(options.self)) return;
  // We hold no lease since we proposed this, so whoever is told may campaign at once.
  for (const ReplicaId voter : configuration.voters) {
    if (replication.progress_of(voter)->match() != log.last_index()) continue;
    outbox.send_now(voter, TimeoutNow{election.term()});
    break;
  }
  step_down(election.term(), {}, RoleCause::kRemoved);
}

void Replica::Parts::step_down(Term term, ReplicaId leader, RoleCause cause) {
  if (is_leader()) {
    replication.stop();
    reads.fail_all(outcomes);
    transfer.start();
  }
  election.become_follower(term, leader, cause, now);
}

void Replica::Parts::observe(Term term) {
  if (term > election.term()) step_down(term, {}, RoleCause::kHigherTerm);
}

bool Replica::Parts::obeys(ReplicaId from, Term term) {
  if (term < election.term()) return false;
  if (term > election.term() || election.role() != Role::kFollower) {
    if (term == election.term() && is_leader()) {
      ++messages_refused;  // two leaders of one term
      return false;
    }
    step_down(term, from, RoleCause::kLeaderHeard);
    return true;
  }
  if (election.leader() && election.leader() != from) {
    ++messages_refused;
    return false;
  }
  election.hear_leader(from, now);
  return true;
}

void Replica::Parts::raise_replicated_to_all(LogIndex index) {
  replicated_to_all = std::max(replicated_to_all, std::min(index, log.last_index()));
  log.release(replicated_to_all);
}

void Replica::Parts::send_heartbeats() {
  if (const std::optional<SendStamp> first = replication.send_heartbeats(now)) reads.round_sent(*first);
}

bool Replica::Parts::has_lease(Instant at) const {
  if (!is_leader() || !options.lease_reads || transfer.has_handed_over() || log.commit() < noop) return false;
  // A configuration without us was proposed: others may lead by now (rules.md#leases).
  if (!log.configuration().is_incoming_voter(options.self)) return false;
  const Duration length = options.election_timeout_min * (100 - options.lease_drift_percent) / 100;
  const std::optional<Instant> end = reads.lease_end(clock, length);
  return end && at < *end;
}

bool Replica::Parts::lacks_quorum(Instant at) const {
  return options.check_quorum && replication.quorum_heard_at() <= at - 2 * options.election_timeout_min;
}

bool Replica::Parts::take_snapshot(const SnapshotHead& head) {
  if (head.term > head.sender_term || head.configuration.voters.empty()) {
    ++messages_refused;
    return false;
  }
  const bool is_needed =
      head.index > log.commit() && (head.index > log.last_index() || log.term_at(head.index) != head.term);
  // A leader has every entry that was committed in its term or before.
  if (is_needed && is_leader() && head.sender_term <= election.term()) {
    ++messages_refused;
    return false;
  }
  // Nobody who lacks what is committed here may reach us any more (as with a pull); the term stands before the install.
  observe(head.sender_term);
  if (is_needed) {
    log.reset(head.index, head.term, head.configuration);
    install = head;
  } else {
    log.commit_to(head.index);
  }
  if (election.leader() == head.from) {
    AppendReply reply;
    reply.term = election.term();
    reply.accepted = true;
    reply.match_index = log.commit();
    outbox.send_accepted(head.from, reply);
  }
  return is_needed;
}

Replica::Replica(const ReplicaOptions& options, RestoredState restored, Instant now)
    : parts_(std::make_unique<Parts>(options, restored, now)) {}

Replica::~Replica() = default;

void Replica::tick(Instant now) {
  Parts& p = *parts_;
  p.advance(now);
  if (p.is_leader()) {
    if (now >= p.transfer.deadline()) p.transfer.abort();
    if (p.lacks_quorum(now)) {
      p.step_down(p.election.term(), {}, RoleCause::kNoQuorum);
    } else if (now >= p.replication.heartbeat_at()) {
      p.send_heartbeats();
    }
  } else {
    if (now >= p.election.deadline()) p.campaign();
    if (now >= p.pull.deadline()) p.pull.tick(now);
  }
  p.settle();
}

void Replica::receive(const Message& message, Instant now) {
  Parts& p = *parts_;
  p.advance(now);
  const bool is_ours =
      message.group == p.options.group && message.to == p.options.self && message.from != p.options.self;
  if (!is_ours || term_of(message) > kTermMax) {
    ++p.messages_refused;
    return;
  }
  std::visit([&](const auto& body) { p.on(message.from, body); }, message.body);
  p.settle();
}

std::optional<Replica::Proposed> Replica::propose(EntryKind kind, std::string buffer, Instant now) {
  Parts& p = *parts_;
  p.advance(now);
  // Configurations get their own way in, with the rules of membership change.
  if (!p.is_leader() || p.transfer.is_active() || kind == EntryKind::kConfiguration) return std::nullopt;
  const Proposed place{p.election.term(), p.log.last_index() + 1};
  p.log.append(make_entry(place.term, place.index, kind, std::move(buffer)));
  return place;
}

Result<Replica::Proposed> Replica::propose_change(const ConfigurationChange& change, Instant now) {
  Parts& p = *parts_;
  p.advance(now);
  if (!p.is_leader() || p.transfer.is_active()) return Error{ErrorCode::kUnavailable, "no leader that takes proposals"};
  if (!p.is_configuration_committed()) return Error{ErrorCode::kUnavailable, "an earlier change is not committed yet"};
  const Result<Configuration> next = changed_configuration(p.log.configuration(), change);
  if (!next.ok()) return next.error();
  p.append_configuration(*next);
  return Proposed{p.election.term(), p.log.last_index()};
}

std::optional<LogIndex> Replica::lease_read_index(Instant now) const {
  if (!parts_->has_lease(now)) return std::nullopt;
  return parts_->log.commit();
}

void Replica::read(ReadToken token, Instant now) {
  Parts& p = *parts_;
  p.advance(now);
  if (!p.is_leader()) {
    p.outcomes.push_back({token, std::nullopt});
    return;
  }
  p.reads.add(token, p.log.commit(), p.clock.last());
  p.reads.confirm(p.replication.quorum_stamp(), p.log.commit(), p.outcomes);
}

void Replica::persisted(uint64_t ready_sequence, Instant now) {
  Parts& p = *parts_;
  p.advance(now);
  CHECK(ready_sequence <= p.sequence) << "Ready " << ready_sequence << " was never taken";
  p.election.persisted(ready_sequence, now);
  p.log.persisted(ready_sequence);
  p.settle();
}

void Replica::entries_loaded(ReplicaId peer, std::vector<Entry> entries, Instant now) {
  Parts& p = *parts_;
  p.advance(now);
  const std::optional<EntryLoads::Load> load = p.loads.answered(peer);
  if (!load) return;
  switch (load->purpose) {
    case EntryLoads::Purpose::kAppend:
      p.replication.entries_loaded(peer, load->first, std::move(entries), now);
      break;
    case EntryLoads::Purpose::kPull:
      p.pull_source.entries_loaded(peer, load->first, std::move(entries), p.election.term());
      break;
  }
  p.settle();
}

void Replica::snapshot_finished(ReplicaId peer, std::optional<LogIndex> index, Instant now) {
  Parts& p = *parts_;
  p.advance(now);
  if (!p.snapshots.finished(peer)) return;
  p.replication.snapshot_finished(peer, index, now);
  p.settle();
}

bool Replica::snapshot_staged(const SnapshotHead& head, Instant now) {
  Parts& p = *parts_;
  p.advance(now);
  const bool is_needed = p.take_snapshot(head);
  p.settle();
  return is_needed;
}

void Replica::transfer_leadership(ReplicaId target, Instant now) {
  Parts& p = *parts_;
  p.advance(now);
  const bool is_possible = p.is_leader() && target != p.options.self && p.log.configuration().is_incoming_voter(target);
  if (!is_possible || p.transfer.is_active()) return;
  p.transfer.begin(target, now + p.options.election_timeout_min);
  p.settle();
}

void Replica::set_election_patience(Duration at_least) { parts_->election.set_patience(at_least); }

void Replica::log_cut(LogIndex start_index) { parts_->log.cut(start_index); }

bool Replica::Parts::has_more_than_messages() const {
  return log.has_unoffered() || election.ballot().is_changed() || !outcomes.empty() ||
         log.commit() != commit_reported || loads.has_wanted() || snapshots.has_wanted() ||
         (is_leader() && reads.wants_round());
}

bool Replica::has_ready() const { return !parts_->outbox.is_empty() || parts_->has_more_than_messages(); }

bool Replica::take_messages(std::vector<Message>& messages) {
  Parts& p = *parts_;
  if (p.outbox.has_some_when_durable() || p.has_more_than_messages()) return false;
  p.outbox.move_now_to(messages);
  return true;
}

Ready Replica::take_ready() {
  Parts& p = *parts_;
  if (p.is_leader()) {  // what gathered in this turn leaves together: proposals in one request, reads in one round
    p.replication.send_appends(p.now);
    if (p.reads.wants_round()) p.send_heartbeats();
  }
  Ready ready;
  ready.sequence = ++p.sequence;
  ready.hard_state = p.election.offer_ballot(ready.sequence, p.now);
  ready.install = std::exchange(p.install, std::nullopt);
  ready.entries = p.log.offer(ready.sequence);
  ready.send_now = p.outbox.take_now();
  ready.send_when_durable = p.outbox.take_when_durable();
  ready.commit = p.commit_reported = p.log.commit();
  ready.reads = std::exchange(p.outcomes, {});
  ready.entries_wanted = p.loads.take_wanted();
  ready.snapshots_wanted = p.snapshots.take_wanted();
  return ready;
}

Instant Replica::next_deadline() const {
  const Parts& p = *parts_;
  if (p.is_leader()) return std::min(p.replication.heartbeat_at(), p.transfer.deadline());
  return std::min(p.election.deadline(), p.pull.deadline());
}

Role Replica::role() const { return parts_->election.role(); }
Term Replica::term() const { return parts_->election.term(); }
ReplicaId Replica::leader() const { return parts_->election.leader(); }
LogIndex Replica::replicated_to_all() const { return parts_->replicated_to_all; }

ReplicaStatus Replica::status(Instant now) const {
  const Parts& p = *parts_;
  ReplicaStatus status;
  status.role = p.election.role();
  status.role_cause = p.election.role_cause();
  status.term = p.election.term();
  status.leader = p.election.leader();
  status.commit = p.log.commit();
  status.last_index = p.log.last_index();
  status.stable_index = p.log.stable_index();
  status.replicated_to_all = p.replicated_to_all;
  status.held_bytes = p.log.held_bytes();
  status.has_lease = p.has_lease(now);
  status.messages_refused = p.messages_refused;
  return status;
}

std::vector<PeerStatus> Replica::peers() const { return parts_->replication.peers(); }

const Configuration& Replica::configuration_at(LogIndex index) const { return parts_->log.configuration_at(index); }

bool Replica::is_configuration_settled() const {
  const LogView& log = parts_->log;
  return !log.configuration().is_joint() && log.configuration_index() <= log.commit();
}

const Configuration& Replica::configuration() const { return parts_->log.configuration(); }

std::optional<Term> Replica::term_at(LogIndex index) const { return parts_->log.term_at(index); }

}  // namespace torc::consensus
