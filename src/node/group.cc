#include "node/group.h"

#include <algorithm>
#include <functional>

#include "base/check.h"
#include "node/role_notice.h"

namespace torc::node {
namespace {

constexpr Duration kPurgeInterval = 100ms;  // while nothing or little is due; otherwise at every maintenance
/// Applied and answered in one turn (kv::Cost::work), and one entry or answer more: a replica that has much to catch up
/// with must be heard, and hear, meanwhile.
constexpr uint64_t kWorkPerTurn = 16u << 20;

/// Hands each operation of an entry its client's sink, and closes the answer before.
class WaiterRouter final : public kv::ReplyRouter {
 public:
  WaiterRouter(Clients& clients, const std::vector<WriteWaiter>& waiters) : clients_(clients), waiters_(waiters) {}

  kv::ReplySink& sink_for(size_t position) override {
    end_last();
    if (position >= waiters_.size()) return nobody_;
    open_ = &waiters_[position].waiter;
    return clients_.begin(*open_);
  }
  void end_last() {
    if (open_ != nullptr) clients_.end(*open_);
    open_ = nullptr;
  }

 private:
  Clients& clients_;
  const std::vector<WriteWaiter>& waiters_;
  const Waiter* open_ = nullptr;
  kv::NullSink nobody_;
};

/// Opens the client's answer at its first word: a read that turns out to need a commit must not have begun one.
class AnswerOnDemand final : public kv::ReplySink {
 public:
  AnswerOnDemand(Clients& clients, Waiter waiter) : clients_(clients), waiter_(waiter) {}

  void ok() override { sink().ok(); }
  void status(std::string_view text) override { sink().status(text); }
  void error(std::string_view text) override { sink().error(text); }
  void refusal(kv::Refusal refusal) override { sink().refusal(refusal); }
  void integer(int64_t value) override { sink().integer(value); }
  void bulk(std::string_view value) override {
    bytes_ += value.size();
    sink().bulk(value);
  }
  void nil() override { sink().nil(); }
  void array(size_t count) override { sink().array(count); }
  void map(size_t count) override { sink().map(count); }

  /// Of the values answered so far.
  uint64_t bytes() const { return bytes_; }

 private:
  kv::ReplySink& sink() {
    if (sink_ == nullptr) sink_ = &clients_.begin(waiter_);
    return *sink_;
  }

  Clients& clients_;
  Waiter waiter_;
  kv::ReplySink* sink_ = nullptr;
  uint64_t bytes_ = 0;
};

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
  const Instant now = clock_.now();
  const std::optional<LogIndex> index = replica_->lease_read_index(now);
  if (!index || state_->applied() < *index) return false;
  AnswerOnDemand answer(clients_, request.waiter);
  if (state_->read(request.command, stamp_now(now), answer) == kv::ReadResult::kNeedsCommit) return false;
  work_left_ = less(work_left_, kv::kOperationWork + answer.bytes());
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

void Group::begin_turn(uint64_t memory_elsewhere) {
  work_left_ = kWorkPerTurn;
  memory_elsewhere_ = memory_elsewhere;
}

void Group::arm_timer(bool is_turn_wanted) {
  const Instant due = is_turn_wanted || has_backlog() ? clock_.now() : replica_->next_deadline();
  if (due == timer_at_ && timer_ != 0) return;
  clock_.cancel(timer_);
  timer_at_ = due;
  timer_ = 0;
  if (due == Instant::never()) return;
  timer_ = clock_.call_at(due, [this] {
    timer_ = 0;
    tick();
  });
}

bool Group::advance() {
  const uint64_t before = appended_sequence_;
  if (install_ && install_->is_switched) finish_install();
  notice_leadership();
  if (has_backlog()) {
    apply_committed();
    serve_reads();
  }
  propose_gathered();
  ask_for_reads();
  while (has_work()) {
    take_ready();
    notice_leadership();
    propose_gathered();
    ask_for_reads();
  }
  // Whatever of it the log did not have was offered by now, but for what an install holds up.
  if (!install_ || !install_->ready) unoffered_bytes_ = 0;
  return appended_sequence_ != before;
}

void Group::ask_for_reads() {
  const Instant now = clock_.now();
  if (const auto token = reads_.ask(now + options_.command_timeout)) replica_->read(*token, now);
}

/// What earlier leaders left is decided first: so no log ever holds more that is undecided than what one leader may
/// have in flight, whichever leaders come and go without deciding anything.
bool Group::may_propose() const {
  return was_leader_ && clock_.now() >= handing_over_until_ && state_->applied() >= led_from_ && takes_entries();
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
    proposals_.proposed(place->term, place->index, *std::move(batch), now + options_.command_timeout);
  }
}

void Group::take_ready() {
  consensus::Ready ready = replica_->take_ready();
  for (const consensus::Message& message : ready.send_now) host_.send(message);
  if (ready.install) return begin_install(std::move(ready));
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
      unapplied_.append(std::move(ready.entries));
    }
    appended_sequence_ = ready.sequence;
  }
  if (!ready.send_when_durable.empty()) {
    if (durable_sequence_ == appended_sequence_) {
      for (const consensus::Message& message : ready.send_when_durable) host_.send(message);
    } else {
      unsent_.hold(appended_sequence_, std::move(ready.send_when_durable));
    }
  }
  for (const consensus::EntriesWanted& wanted : ready.entries_wanted) {
    auto entries = log_.read(options_.replica.group, wanted.first, wanted.last, wanted.bytes_max);
    if (!entries.ok() && entries.error().code != ErrorCode::kNotFound) return host_.on_fatal(entries.error());
    replica_->entries_loaded(wanted.peer, entries.ok() ? *std::move(entries) : std::vector<consensus::Entry>(),
                             clock_.now());
  }
  for (const consensus::SnapshotWanted& wanted : ready.snapshots_wanted) send_snapshot(wanted);
  commit_ = std::max(commit_, ready.commit);
  apply_committed();
  for (const consensus::ReadOutcome& outcome : ready.reads) {
    for (const KeptRequest& read : reads_.answered(outcome)) host_.reroute(read.request());
  }
  serve_reads();
}

void Group::on_durable(uint64_t sequence) {
  durable_sequence_ = std::max(durable_sequence_, sequence);
  for (; !undurable_.empty() && undurable_.front().sequence <= durable_sequence_; undurable_.pop_front()) {
    undurable_bytes_ -= undurable_.front().bytes;
  }
  replica_->persisted(sequence, clock_.now());
  for (const consensus::Message& message : unsent_.take_until(durable_sequence_)) host_.send(message);
}

bool Group::has_backlog() const {
  if (install_ && install_->ready) return false;  // the state is about to be replaced
  return state_->applied() < commit_ || reads_.has_servable(state_->applied());
}

// A piece per turn: whoever comes back after a while, or follows a leader whose entries are dear, has more to apply
// than its leader would wait for in silence.
void Group::apply_committed() {
  if (install_ && install_->ready) return;
  while (state_->applied() < commit_ && work_left_ > 0) {
    const LogIndex wanted = state_->applied() + 1;
    if ((unapplied_.is_empty() || unapplied_.front() > wanted) && !load_unapplied()) return;
    const consensus::Entry entry = unapplied_.take_front();
    CHECK(entry.index == wanted) << "entry " << entry.index << " where " << wanted << " is next";
    const uint64_t work_before = state_->work_done();
    if (!apply(entry)) return;
    work_left_ = less(work_left_, kv::kOperationWork + state_->work_done() - work_before);
  }
}

bool Group::apply(const consensus::Entry& entry) {
  const std::vector<WriteWaiter> waiters = proposals_.take_decided(entry.term, entry.index);
  if (entry.kind == consensus::EntryKind::kCommands) {
    WaiterRouter router(clients_, waiters);
    const Status applied = state_->apply(entry.index, entry.payload(), router);
    router.end_last();
    if (!applied.ok()) {
      // Its checksum is right, so every replica has the same bytes: no damage of this disk, and no reason to give up
      // data.
      host_.on_fatal({ErrorCode::kInvalid, applied.error().message});
      return false;
    }
  } else {
    state_->skip(entry.index);
  }
  applied_bytes_ += entry.size();
  refuse_all(proposals_.take_lost(entry.index), kv::Refusal::kNotExecuted);
  notice_stamp();
  return true;
}

// Entries that were in the log before this process started, or were not kept.
bool Group::load_unapplied() {
  const LogIndex first = state_->applied() + 1;
  const LogIndex last = unapplied_.is_empty() ? replica_->status(clock_.now()).last_index : unapplied_.front() - 1;
  auto entries = log_.read(options_.replica.group, first, last, Unapplied::kLoadBytesMax);
  if (!entries.ok()) {
    host_.on_fatal(entries.error());
    return false;
  }
  unapplied_.put_in_front(*entries);
  return true;
}

void Group::serve_reads() {
  while (work_left_ > 0) {
    const std::optional<KeptRequest> kept = reads_.next_servable(state_->applied());
    if (!kept) return;
    Request read = kept->request();
    AnswerOnDemand answer(clients_, read.waiter);
    if (state_->read(read.command, stamp_now(clock_.now()), answer) == kv::ReadResult::kAnswered) {
      work_left_ = less(work_left_, kv::kOperationWork + answer.bytes());
      clients_.end(read.waiter);
    } else if (was_leader_) {  // the expiry is committed first (rules.md#leader-time)
      read.deadline = clock_.now() + options_.command_timeout;
      write(read);
    } else {
      host_.reroute(read);
    }
  }
}

void Group::notice_leadership() {
  const consensus::ReplicaStatus status = replica_->status(clock_.now());
  if (const auto change = describe_change(told_, status)) {
    host_.tell({NoticeLevel::kInfo, *change, "role"});
  }
  told_ = status;
  const bool is_now = status.role == consensus::Role::kLeader;
  if (is_now == was_leader_) return;
  was_leader_ = is_now;
  proposals_.reset_window();
  handing_over_until_ = Instant{};
  if (is_now) {
    led_from_ = replica_->status(clock_.now()).last_index;
    return;
  }
  host_.on_leadership_lost();
  reroute_unproposed();
  for (const KeptRequest& read : reads_.take_gathering()) host_.reroute(read.request());
}

void Group::reroute_unproposed() {
  for (const Proposals::Batch& batch : proposals_.take_unproposed()) {
    kv::BatchReader reader(std::string_view(batch.buffer).substr(consensus::kEntryHeaderBytes));
    kv::Operation operation;
    for (size_t position = 0; reader.next(operation); ++position) {
      const WriteWaiter& writer = batch.waiters[position];
      if (!clients_.is_open(writer.waiter.client)) {
        clients_.end(writer.waiter);
        continue;
      }
      const kv::CommandView command{operation.id, operation.args};
      const bool is_write = operation.call || is_write_command(command);
      host_.reroute({writer.waiter, command, is_write, operation.call, writer.retry, {}});
    }
  }
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
  state_->reclaim();
  replace_lost_members();
  watch_disk();
  snapshot_sender_.maintain(now);
  snapshot_receiver_.maintain(now);
  if (install_) return;
  own_checkpoints_.maintain(*replica_, !snapshot_receiver_.is_staging(), snapshot_sender_.lowest_index());
}

void Group::purge_expired() {
  const Instant now = clock_.now();
  static_assert(kPurgeBytesMax <= kv::kOperationBytesMax);
  if (!was_leader_ || now < next_purge_ || log_.disk_full()) return;
  if (state_->applied() <= purge_behind_ && now < purge_lost_at_) return;  // the last one is under way
  const kv::DueKeys due = state_->due_keys(stamp_now(now), kPurgedKeysMax, kPurgedBytesMax);
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
  proposals_.add({.command = command, .is_write = true, .deadline = deadline}, state_->cost_of(command, 0));
}

void Group::replace_lost_members() {
  if (!was_leader_ || replacement_.is_idle()) return;
  const Instant now = clock_.now();
  const auto change =
      replacement_.next(replica_->configuration(), replica_->peers(), replica_->status(now).commit, now);
  // Refused while an earlier change is not committed: asked for again.
  if (change) static_cast<void>(replica_->propose_change(*change, now));
}

void Group::hand_over() {
  const Instant now = clock_.now();
  if (!was_leader_ || now < handing_over_until_) return;
  std::vector<consensus::PeerStatus> targets = replica_->peers();
  std::erase_if(targets, [&](const consensus::PeerStatus& peer) {
    return !replica_->configuration().is_incoming_voter(peer.id) || !host_.is_reachable(peer.id.node);
  });
  // Another one than at the last attempt, if several are as good.
  const auto is_tried = [&](const consensus::PeerStatus& peer) { return peer.id <= handed_to_; };
  std::stable_partition(targets.begin(), targets.end(), std::not_fn(is_tried));
  const auto best = std::ranges::max_element(targets, {}, [&](const consensus::PeerStatus& peer) {
    return std::pair(!disk_watch_.is_full(peer.id.node, now), peer.match_index);
  });
  if (best != targets.end()) transfer(best->id, now);
}

void Group::hand_over_to(NodeId target) {
  const Instant now = clock_.now();
  if (!was_leader_ || now < handing_over_until_ || !host_.is_reachable(target)) return;
  for (const consensus::ReplicaId voter : replica_->configuration().voters) {
    if (voter.node == target && voter != options_.replica.self) return transfer(voter, now);
  }
}

void Group::transfer(consensus::ReplicaId target, Instant now) {
  replica_->transfer_leadership(target, now);
  handed_to_ = target;
  handing_over_until_ = now + options_.replica.election_timeout_min + options_.replica.heartbeat_interval;
}

}  // namespace torc::node
