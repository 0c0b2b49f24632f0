#include "node/group.h"

#include <algorithm>

#include "base/check.h"

namespace torc::node {
namespace {

constexpr Duration kPurgeInterval = 100ms;  // while nothing or little is due; otherwise at every maintenance

uint64_t less(uint64_t from, uint64_t amount) { return from - std::min(from, amount); }

uint64_t bytes_of(const std::vector<consensus::Entry>& entries) {
  uint64_t bytes = 0;
  for (const consensus::Entry& entry : entries) bytes += entry.size();
  return bytes;
}

/// Of the entries that a message brings.
uint64_t entry_bytes(const consensus::Message& message) {
  if (const auto* append = std::get_if<consensus::AppendRequest>(&message.body)) return bytes_of(append->entries);
  if (const auto* pulled = std::get_if<consensus::PullReply>(&message.body)) return bytes_of(pulled->entries);
  return 0;
}

}  // namespace

bool Group::is_leader() const { return was_leader_; }

bool Group::read_now(const Request& request) {
  if (applier_.is_within_entry() || kv::StateMachine::is_long_read(request.command)) return false;
  const Instant now = clock_.now();
  const std::optional<LogIndex> index = replica_->lease_read_index(now);
  if (!index || applier_.applied() < *index) return false;
  const std::optional<uint64_t> work = applier_.answer(request, stamp_now(now));
  if (!work) return false;
  work_left_ = less(work_left_, *work);
  clients_.end_immediate(request.waiter);
  return true;
}

void Group::read_later(const Request& request) { reads_.add(KeptRequest(request)); }

// Within a term nobody takes back what it acknowledged to the leader, and nobody acknowledges anything in a term that
// is not on its disk.
bool Group::has_forgotten(consensus::ReplicaId member, Term term, LogIndex durable_index) const {
  if (!was_leader_) return false;
  const Term own_term = replica_->status(clock_.now()).term;
  for (const consensus::PeerStatus& peer : replica_->peers()) {
    if (peer.id != member || peer.match_index == LogIndex()) continue;
    return term < own_term || (term == own_term && durable_index < peer.match_index);
  }
  return false;
}

// What one leader sends without an answer is bounded by its flow control, and answers come once all is durable. But
// leaders may follow each other while this disk hangs, each of which sends anew. What is not taken is lost on its way:
// the leader finds out by an empty probe, whose answer waits for the disk (docs/protocol.md).
void Group::receive(const consensus::Message& message) {
  const uint64_t bytes = entry_bytes(message);
  if (bytes > 0 && !takes_entries()) {
    ++appends_put_off_;
    return;
  }
  unoffered_bytes_ += bytes;
  // Also from who is no member here yet: a leader that joined later than what this log knows (Raft 6).
  replica_->receive(message, clock_.now());
}

void Group::tick() { replica_->tick(clock_.now()); }

void Group::begin_turn(uint64_t memory_elsewhere, uint64_t work) {
  work_left_ = work;
  is_resting_ = false;
  rests_until_ = Instant::never();
  memory_elsewhere_ = memory_elsewhere;
}

GroupOutput Group::advance() {
  const uint64_t before = appended_sequence_;
  if (installation_.is_switched()) finish_install();
  notice_leadership();
  if (has_backlog()) {
    apply_committed();
    serve_reads();
  }
  propose_gathered();
  ask_for_reads();
  while (has_work() && !output_.fatal) {
    take_ready();
    notice_leadership();
    propose_gathered();
    ask_for_reads();
  }
  // Whatever of it the log did not have was offered by now, but for what an install holds up.
  if (!installation_.is_under_way()) unoffered_bytes_ = 0;
  output_.has_appended = appended_sequence_ != before;
  return std::exchange(output_, {});
}

void Group::ask_for_reads() {
  const Instant now = clock_.now();
  if (const auto token = reads_.ask(now + options_.command_timeout)) replica_->read(*token, now);
}

/// What earlier leaders left is decided first: so no log ever holds more that is undecided than what one leader may
/// have in flight, whichever leaders come and go without deciding anything.
bool Group::may_propose() const {
  return was_leader_ && clock_.now() >= handing_over_until_ && applier_.applied() >= led_from_ && takes_entries();
}

void Group::propose_gathered() {
  const Instant now = clock_.now();
  while (may_propose()) {
    auto batch = proposals_.next(stamp_now(now));
    if (!batch) return;
    unoffered_bytes_ += batch->buffer.size();
    const auto place = replica_->propose(consensus::EntryKind::kCommands, std::move(batch->buffer), now);
    if (!place) {
      proposals_.refused(*batch);
      refuse_all(batch->waiters, kv::Refusal::kNotExecuted);
      continue;
    }
    if (batch->has_own) purge_behind_ = place->index - 1;
    proposals_.proposed(place->term, place->index, *std::move(batch), now + options_.command_timeout);
  }
}

void Group::take_ready() {
  consensus::Ready ready = replica_->take_ready();
  send(std::exchange(ready.send_now, {}));
  if (ready.install) return installation_.begin(std::move(ready));
  carry_out(std::move(ready));
}

void Group::carry_out(consensus::Ready ready) {
  if (ready.must_persist()) {
    if (ready.hard_state) log_.append_hard_state(options_.replica.group, *ready.hard_state);
    if (!ready.entries.empty()) {
      undurable_.push_back({ready.sequence, bytes_of(ready.entries)});
      undurable_bytes_ += undurable_.back().bytes;
      unoffered_bytes_ = 0;
      log_.append_entries(options_.replica.group, ready.entries);
      applier_.appended(std::move(ready.entries));
    }
    appended_sequence_ = ready.sequence;
  }
  if (!ready.send_when_durable.empty()) {
    if (durable_sequence_ == appended_sequence_) {
      send(std::move(ready.send_when_durable));
    } else {
      unsent_.hold(appended_sequence_, std::move(ready.send_when_durable));
    }
  }
  for (const consensus::EntriesWanted& wanted : ready.entries_wanted) {
    auto entries = log_.read(options_.replica.group, wanted.first, wanted.last, wanted.bytes_max);
    if (!entries.ok() && entries.error().code != ErrorCode::kNotFound) return fail(entries.error());
    replica_->entries_loaded(wanted.peer, entries.ok() ? *std::move(entries) : std::vector<consensus::Entry>(),
                             clock_.now());
  }
  for (const consensus::SnapshotWanted& wanted : ready.snapshots_wanted) send_snapshot(wanted);
  applier_.committed(ready.commit);
  apply_committed();
  for (const consensus::ReadOutcome& outcome : ready.reads) {
    for (KeptRequest& read : reads_.answered(outcome)) output_.homeless.push_back(std::move(read));
  }
  serve_reads();
}

std::vector<consensus::Message> Group::on_durable(uint64_t sequence) {
  durable_sequence_ = std::max(durable_sequence_, sequence);
  for (; !undurable_.empty() && undurable_.front().sequence <= durable_sequence_; undurable_.pop_front()) {
    undurable_bytes_ -= undurable_.front().bytes;
  }
  replica_->persisted(sequence, clock_.now());
  return unsent_.take_until(durable_sequence_);
}

void Group::send(std::vector<consensus::Message> messages) {
  for (consensus::Message& message : messages) output_.messages.push_back(std::move(message));
}

void Group::fail(const Error& error) {
  if (!output_.fatal) output_.fatal = error;
}

bool Group::wants_turn() const {
  return has_work() || has_backlog() || proposals_.bytes_unproposed() > 0 || reads_.bytes() > 0;
}

bool Group::has_backlog() const {
  if (installation_.is_under_way()) return false;  // the state is about to be replaced
  return applier_.is_behind() || read_under_way_ || reads_.has_servable(applier_.applied());
}

// A piece per turn: whoever comes back after a while, or follows a leader whose entries are dear, has more to apply
// than its leader would wait for in silence. An entry may end in a later turn than it began: nothing is read meanwhile.
void Group::apply_committed() {
  if (installation_.is_under_way()) return;
  if (!applier_.is_behind()) return;
  const LogIndex last_index = replica_->status(clock_.now()).last_index;
  while (applier_.is_behind()) {
    if (!applier_.is_within_entry()) serve_reads();
    if (work_left_ == 0 || read_under_way_) return;
    const Result<uint64_t> work = applier_.apply_on(proposals_, last_index, work_left_);
    if (!work.ok()) return fail(work.error());
    work_left_ = less(work_left_, *work);
    if (applier_.is_within_entry()) continue;
    refuse_all(proposals_.take_lost(applier_.applied()), kv::Refusal::kNotExecuted);
    notice_stamp();
  }
}

void Group::serve_reads() {
  if (applier_.is_within_entry()) return;
  while (work_left_ > 0) {
    if (read_under_way_) {
      serve_on();
      continue;
    }
    std::optional<KeptRequest> read = reads_.next_servable(applier_.applied());
    if (!read) return;
    serve(*std::move(read));
  }
}

void Group::serve(KeptRequest read) {
  const WallMs now = stamp_now(clock_.now());
  if (kv::StateMachine::is_long_read(read->command)) {
    read_under_way_.emplace(ReadUnderWay{std::move(read), now, {}});
  } else if (const std::optional<uint64_t> work = applier_.answer(read.request(), now)) {
    work_left_ = less(work_left_, *work);
    clients_.end(read->waiter);
  } else {
    commit_expiry(std::move(read));
  }
}

void Group::serve_on() {
  ReadUnderWay& read = *read_under_way_;
  if (!clients_.is_open(read.request->waiter.client)) {
    clients_.end(read.request->waiter);
    return read_under_way_.reset();
  }
  switch (applier_.answer_on(read.request.request(), read.now, read.progress, work_left_)) {
    case kv::ReadResult::kUnfinished:
      return;
    case kv::ReadResult::kAnswered:
      clients_.end(read.request->waiter);
      return read_under_way_.reset();
    case kv::ReadResult::kNeedsCommit:
      commit_expiry(std::move(read.request));
      return read_under_way_.reset();
  }
}

/// The read would answer "expired", which is committed first (rules.md#leader-time).
void Group::commit_expiry(KeptRequest read) {
  if (!was_leader_) return output_.homeless.push_back(std::move(read));
  Request expiry = read.request();
  expiry.deadline = clock_.now() + options_.command_timeout;
  write(expiry);
}

void Group::refuse_all(const std::vector<WriteWaiter>& waiters, kv::Refusal plain) {
  for (const WriteWaiter& writer : waiters) refuse(writer, plain);
}

void Group::refuse(const WriteWaiter& writer, kv::Refusal plain) {
  switch (writer.retry) {
    case Retry::kNone:
      return clients_.refuse(writer.waiter, plain);
    case Retry::kSameLabel:
      return clients_.refuse(writer.waiter, kv::Refusal::kSendSameCallAgain);
    case Retry::kUnknown:
      return clients_.refuse(writer.waiter, kv::Refusal::kUnknownOutcome);
  }
}

void Group::maintain() {
  const Instant now = clock_.now();
  refuse_all(proposals_.take_overdue(now), kv::Refusal::kUnknownOutcome);
  refuse_all(proposals_.take_overdue_unproposed(now), kv::Refusal::kNoMajority);
  for (const KeptRequest& read : reads_.take_overdue(now)) clients_.refuse(read->waiter, kv::Refusal::kReadOverdue);
  purge_expired();
  state().reclaim();
  replace_lost_members();
  watch_disk();
  snapshot_sender_.maintain(now);
  snapshot_receiver_.maintain(now);
  if (installation_.is_expected()) return;
  const bool may_start = !snapshot_receiver_.is_staging() && !applier_.is_within_entry();
  own_checkpoints_.maintain(*replica_, may_start, snapshot_sender_.lowest_index());
}

void Group::purge_expired() {
  const Instant now = clock_.now();
  static_assert(kPurgeBytesMax <= kv::kOperationBytesMax);
  if (!was_leader_ || now < next_purge_ || log_.disk_full()) return;
  // One at a time: behind a queue of commands they gathered once, 8 MiB each, while what is due stayed the same.
  if (proposals_.has_own_unproposed()) return;
  if (applier_.applied() <= purge_behind_ && now < purge_lost_at_) return;  // the last one is under way
  const kv::DueKeys due = state().due_keys(stamp_now(now), kPurgedKeysMax, kPurgedBytesMax);
  next_purge_ = due.is_all ? now + kPurgeInterval : now;
  if (due.keys.empty()) return;
  purge_behind_ = replica_->status(now).last_index;
  purge_lost_at_ = now + kPurgePatience;
  const std::vector<std::string_view> args(due.keys.begin(), due.keys.end());
  write_own({kv::CommandId::kPurge, args});
}

/// Nobody waits for an answer.
void Group::write_own(const kv::CommandView& command) {
  const Instant deadline = clock_.now() + options_.command_timeout;
  proposals_.add({.command = command, .is_write = true, .deadline = deadline}, state().cost_of(command, 0));
}

void Group::replace_lost_members() {
  if (!was_leader_ || replacement_.is_idle()) return;
  const Instant now = clock_.now();
  const auto change =
      replacement_.next(replica_->configuration(), replica_->peers(), replica_->status(now).commit, now);
  // Refused while an earlier change is not committed: asked for again.
  if (change) static_cast<void>(replica_->propose_change(*change, now));
}

}  // namespace torc::node
