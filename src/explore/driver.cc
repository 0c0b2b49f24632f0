#include "explore/driver.h"

#include <algorithm>

#include "consensus/quorum.h"

namespace torc::explore {
namespace {

using consensus::AppendReply;
using consensus::HeartbeatRequest;
using consensus::Ready;
using consensus::Role;
using consensus::VoteReply;

// Clocks start so far back that stamps are mere counters (SendClock::next), and every input comes after a silence
// longer than any timeout: whatever waits for time has waited long enough, so no clock reading is part of a state.
constexpr Instant kStart{-(int64_t{1} << 59)};

// Unless time passes in steps: then stamps are clock readings, and a run begins long after any timeout.
constexpr Instant kStartOfTime{1'000'000'000};
constexpr Duration kTimeStep = 100ms;
constexpr Duration kTimeout = 3 * kTimeStep;

Instant start_of(const Config& config, uint64_t time) {
  return config.time_max == 0 ? kStart : kStartOfTime + static_cast<int64_t>(time) * kTimeStep;
}

Instant start_of_replica(const Config& config, Instant now) {
  return config.plant == Plant::kVotesAfterRestart ? now - kTimeout : now;
}

consensus::ReplicaOptions options_of(const Config& config, ReplicaId self) {
  consensus::ReplicaOptions options;
  options.group = GroupId(1);
  options.self = self;
  options.pre_vote = config.pre_vote;
  options.pull = config.pull;
  options.waits_for_disk = false;              // a replica may time out at any moment
  options.check_quorum = config.time_max > 0;  // else it would depose a leader at every silence
  options.lease_reads = config.time_max > 0;
  options.election_timeout_min = kTimeout;
  options.heartbeat_interval = kTimeStep;
  if (config.one_entry_per_request) options.append_bytes_max = 1;
  return options;
}

consensus::RestoredState restored(const Config& config, ReplicaId self, const Disk& disk) {
  consensus::RestoredState state;
  state.hard_state = disk.hard_state;
  state.start_index = state.commit = disk.start_index;
  state.last_index = LogIndex(disk.entries.size());
  if (birth_of(config).contains(self)) state.configuration = birth_of(config);
  for (const Entry& entry : disk.entries) {
    const bool is_cut = entry.index <= disk.start_index;
    if (entry.kind == consensus::EntryKind::kConfiguration) {
      consensus::Configuration configuration = consensus::decode_configuration(entry.payload()).value();
      if (is_cut) {
        state.configuration = std::move(configuration);
      } else if (config.plant != Plant::kCountsWhenApplied) {
        state.configurations.push_back({entry.index, std::move(configuration)});
      }
    }
    if (is_cut) {
      state.start_term = entry.term;
    } else if (state.term_runs.empty() || state.term_runs.back().term != entry.term) {
      state.term_runs.push_back({entry.index, entry.term});
    }
  }
  if (config.plant == Plant::kVoteForgotten) state.hard_state.vote = {};
  if (config.plant == Plant::kTermForgotten) {
    state.hard_state = {disk.entries.empty() ? Term() : disk.entries.back().term, {}};
  }
  return state;
}

bool leaves_early(const Message& message, Plant plant) {
  return (plant == Plant::kVoteBeforeDurable && std::holds_alternative<VoteReply>(message.body)) ||
         (plant == Plant::kAppendBeforeDurable && std::holds_alternative<AppendReply>(message.body));
}

}  // namespace

consensus::Configuration birth_of(const Config& config) {
  consensus::Configuration configuration;
  const uint64_t members = config.replicas - config.spares;
  const uint64_t voters = members - config.learners;
  for (uint64_t i = 0; i < voters; ++i) configuration.voters.push_back(member(i));
  for (uint64_t i = voters; i < members; ++i) configuration.learners.push_back(member(i));
  return configuration;
}

Driver::Driver(const Config& config, ReplicaId self, Disk disk, uint64_t time)
    : config_(config),
      self_(self),
      now_(start_of(config, time)),
      disk_(std::move(disk)),
      replica_(options_of(config, self), restored(config, self, disk_), start_of_replica(config, now_)) {}

Instant Driver::later() {
  if (config_.time_max == 0) now_ = now_ + 10s;
  return now_;
}

uint64_t Driver::time() const {
  return config_.time_max == 0 ? 0 : static_cast<uint64_t>((now_ - kStartOfTime) / kTimeStep);
}

Effects Driver::pass_time() {
  if (config_.plant != Plant::kClockStands || status().role != Role::kLeader) now_ = now_ + kTimeStep;
  return {};
}

Message Driver::credited_to_newest(Message message) const {
  if (auto* append = std::get_if<AppendReply>(&message.body); append && append->stamp != 0) append->stamp = newest_;
  if (auto* beat = std::get_if<consensus::HeartbeatReply>(&message.body); beat && beat->stamp != 0) {
    beat->stamp = newest_;
  }
  return message;
}

Effects Driver::receive(const Message& message) {
  Effects effects;
  const consensus::ReplicaStatus before = status();
  if (config_.plant == Plant::kOldVotersElect) forge_votes(message);
  replica_.receive(config_.plant == Plant::kLeaseFromNewest ? credited_to_newest(message) : message, later());
  if (config_.plant == Plant::kCountsOldTerm || config_.plant == Plant::kOldVotersCommit) {
    const auto* reply = std::get_if<AppendReply>(&message.body);
    if (status().role != Role::kLeader || status().term != before.term) counted_.clear();
    if (reply && reply->accepted && status().role == Role::kLeader && reply->term == status().term) {
      counted_[message.from] = std::max(counted_[message.from], reply->match_index);
    }
  }
  if (status().term != before.term) granted_.clear();
  is_term_dropped_ =
      config_.plant == Plant::kPullWithoutTerm && std::holds_alternative<consensus::PullReply>(message.body);
  drain(effects);
  is_term_dropped_ = false;
  return effects;
}

Effects Driver::receive(const Snapshot& snapshot) {
  Effects effects;
  if (replica_.snapshot_staged(snapshot.head, later())) staged_ = snapshot;
  is_term_dropped_ = config_.plant == Plant::kSnapshotWithoutTerm;
  drain(effects);
  is_term_dropped_ = false;
  return effects;
}

// Once a majority of the outgoing voters alone has granted its vote, so has everybody.
void Driver::forge_votes(const Message& message) {
  const auto* reply = std::get_if<VoteReply>(&message.body);
  if (!reply || status().role != Role::kCandidate || reply->term != status().term || !reply->granted) return;
  granted_.insert(message.from);
  const consensus::Configuration& configuration = replica_.configuration();
  if (!configuration.is_joint()) return;
  const uint64_t is_won = consensus::majority_of(configuration.outgoing, [&](ReplicaId id) {
    return static_cast<uint64_t>(id == self_ || granted_.contains(id));
  });
  if (is_won == 0) return;
  Message forged = message;
  for (const ReplicaId voter : configuration.voters) {
    forged.from = voter;
    if (voter != self_) replica_.receive(forged, later());
  }
}

Effects Driver::tick() {
  Effects effects;
  replica_.tick(later());
  granted_.clear();
  if (status().role != Role::kLeader) counted_.clear();
  drain(effects);
  return effects;
}

Effects Driver::sync() {
  Effects effects;
  CHECK(!pending_.empty()) << "nothing to sync";
  Pending done = std::move(pending_.front());
  pending_.pop_front();
  for (const Record& record : done.records) write(disk_, record);
  for (Message& message : done.send) send(effects, std::move(message));
  if (config_.plant != Plant::kDiskLies) {
    replica_.persisted(config_.plant == Plant::kNewestSequence ? sequence_ : done.sequence, later());
  }
  drain(effects);
  return effects;
}

Effects Driver::propose(std::string_view payload) {
  Effects effects;
  std::string buffer(consensus::kEntryHeaderBytes, '\0');
  buffer += payload;
  replica_.propose(consensus::EntryKind::kCommands, std::move(buffer), later());
  drain(effects);
  return effects;
}

Effects Driver::read(consensus::ReadToken token) {
  Effects effects;
  if (config_.plant == Plant::kReadUnconfirmed) {
    effects.reads.push_back({token, status().commit});
  } else {
    replica_.read(token, later());
  }
  drain(effects);
  return effects;
}

Effects Driver::change(const ConfigurationChange& change) {
  Effects effects;
  (void)replica_.propose_change(change, later());
  drain(effects);
  return effects;
}

Effects Driver::transfer(ReplicaId target) {
  Effects effects;
  replica_.transfer_leadership(target, later());
  drain(effects);
  return effects;
}

Effects Driver::cut() {
  Effects effects;
  const LogIndex index = std::min(status().commit, status().stable_index);
  if (index <= disk_.start_index || replica_.configuration_at(index).voters.empty()) return effects;
  disk_.start_index = index;
  replica_.log_cut(index);
  drain(effects);
  return effects;
}

Effects Driver::send_snapshot() {
  Effects effects;
  CHECK(!wanted_.empty()) << "no snapshot is wanted";
  const consensus::SnapshotWanted wanted = wanted_.front();
  wanted_.pop_front();
  const LogIndex index = std::min(status().commit, status().stable_index);
  std::optional<LogIndex> sent;
  if (index >= wanted.index_min) {  // else a snapshot is being installed here
    sent = index;
    Snapshot snapshot;
    snapshot.to = wanted.peer;
    snapshot.head = {self_, status().term, index, replica_.term_at(index).value(), replica_.configuration_at(index)};
    snapshot.state.assign(disk_.entries.begin(), disk_.entries.begin() + static_cast<ptrdiff_t>(index.value));
    effects.snapshots.push_back(std::move(snapshot));
  }
  replica_.snapshot_finished(wanted.peer, sent, later());
  drain(effects);
  return effects;
}

Disk Driver::disk_after_crash(size_t records_kept) const {
  Disk left = disk_;
  for (const Pending& pending : pending_) {
    for (const Record& record : pending.records) {
      if (records_kept == 0) return left;
      write(left, record);
      --records_kept;
    }
  }
  return left;
}

void Driver::write(Disk& disk, const Record& record) {
  if (record.hard_state) disk.hard_state = *record.hard_state;
  if (record.install) {
    disk.entries = record.install->state;
    disk.start_index = record.install->head.index;
  }
  if (!record.entry) return;
  CHECK(record.entry->index > disk.start_index) << record.entry->index << " is in the checkpoint";
  while (!disk.entries.empty() && disk.entries.back().index >= record.entry->index) disk.entries.pop_back();
  CHECK(record.entry->index.value == disk.entries.size() + 1) << "gap before " << record.entry->index;
  disk.entries.push_back(*record.entry);
}

std::vector<Entry> Driver::written_log() const { return disk_after_crash(SIZE_MAX).entries; }

bool Driver::is_order_wrong() const {
  Disk disk = disk_;
  for (const Pending& pending : pending_) {
    for (const Record& record : pending.records) {
      write(disk, record);
      if (!disk.entries.empty() && disk.entries.back().term > disk.hard_state.term) return true;
    }
  }
  return false;
}

size_t Driver::records_pending() const {
  size_t records = 0;
  for (const Pending& pending : pending_) records += pending.records.size();
  return records;
}

LogIndex Driver::acknowledged() const {
  const bool is_counting = config_.plant == Plant::kCountsOldTerm || config_.plant == Plant::kOldVotersCommit;
  if (!is_counting || status().role != Role::kLeader) return commit_;
  consensus::Configuration voters = replica_.configuration();
  if (config_.plant == Plant::kOldVotersCommit && voters.is_joint()) voters.voters = voters.outgoing;
  return std::max(commit_, LogIndex(consensus::quorum_value(voters, [&](ReplicaId id) {
                    const auto found = counted_.find(id);
                    if (found != counted_.end()) return found->second.value;
                    return id == self_ ? status().stable_index.value : uint64_t{0};
                  })));
}

void Driver::drain(Effects& effects) {
  while (replica_.has_ready()) take(effects);
  const consensus::ReplicaStatus now = status();
  if (now.messages_refused > 0) effects.wrong = "refused a message of a correct peer";
  const Disk written = disk_after_crash(SIZE_MAX);
  bool is_equal = written.entries.size() == now.last_index.value;
  for (const Entry& entry : written.entries) {
    is_equal = is_equal && (entry.index < written.start_index || replica_.term_at(entry.index) == entry.term);
  }
  if (is_order_wrong()) effects.wrong = "an entry on the disk above the term there";
  if (!is_equal) effects.wrong = "its Readys do not add up to its log";
}

void Driver::take(Effects& effects) {
  Ready ready = replica_.take_ready();
  sequence_ = ready.sequence;
  if (ready.commit < commit_) effects.wrong = "the commit index of Readys fell";
  commit_ = ready.commit;
  effects.reads.insert(effects.reads.end(), ready.reads.begin(), ready.reads.end());
  for (Message& message : ready.send_now) send(effects, std::move(message));
  Pending pending{ready.sequence, {}, {}};
  if (ready.hard_state && !is_term_dropped_) pending.records.push_back({.hard_state = ready.hard_state});
  if (ready.install) {
    CHECK(staged_) << "nothing is staged";
    pending.records.push_back({.install = std::exchange(staged_, std::nullopt)});
  }
  for (Entry& entry : ready.entries) pending.records.push_back({.entry = std::move(entry)});
  for (Message& message : ready.send_when_durable) {
    if (leaves_early(message, config_.plant) || config_.plant == Plant::kDiskLies) {
      send(effects, std::move(message));
    } else {
      pending.send.push_back(std::move(message));
    }
  }
  if (!pending.records.empty()) {
    pending_.push_back(std::move(pending));
  } else if (pending_.empty()) {  // durable already
    for (Message& message : pending.send) send(effects, std::move(message));
  } else {  // becomes durable in the same moment as the Ready before it
    pending_.back().sequence = pending.sequence;
    std::move(pending.send.begin(), pending.send.end(), std::back_inserter(pending_.back().send));
  }
  if (config_.plant == Plant::kDiskLies) replica_.persisted(sequence_, later());
  wanted_.insert(wanted_.end(), ready.snapshots_wanted.begin(), ready.snapshots_wanted.end());
  for (const consensus::EntriesWanted& wanted : ready.entries_wanted) answer(wanted);
}

void Driver::send(Effects& effects, Message message) {
  if (const auto* request = std::get_if<consensus::AppendRequest>(&message.body)) newest_ = request->stamp;
  if (const auto* request = std::get_if<HeartbeatRequest>(&message.body)) newest_ = request->stamp;
  if (!has_stamps(config_)) {  // they serve leases and reads alone
    std::visit(
        [](auto& body) {
          if constexpr (requires { body.stamp; }) body.stamp = 0;
        },
        message.body);
  }
  const bool is_heartbeat = std::holds_alternative<HeartbeatRequest>(message.body);
  if (is_heartbeat && !config_.heartbeats && !has_stamps(config_)) return;
  if (auto* vote = std::get_if<VoteReply>(&message.body)) {
    if (config_.plant == Plant::kRefusalIsGrant) vote->granted = true;
    if (config_.plant == Plant::kForgedVote && vote->granted) {
      for (uint64_t i = 0; i < config_.replicas; ++i) {
        if (member(i) == message.from || member(i) == message.to) continue;
        effects.sent.push_back(message);
        effects.sent.back().from = member(i);
        break;
      }
    }
  }
  effects.sent.push_back(std::move(message));
}

void Driver::answer(const consensus::EntriesWanted& wanted) {
  std::vector<Entry> entries;
  for (const Entry& entry : disk_.entries) {
    if (wanted.first <= disk_.start_index) break;  // cut meanwhile
    if (entry.index >= wanted.first && entry.index <= wanted.last) entries.push_back(entry);
    if (config_.one_entry_per_request && !entries.empty()) break;
  }
  replica_.entries_loaded(wanted.peer, std::move(entries), later());
}

void Driver::encode(consensus::StateWriter& out) const {
  out.id(self_);
  std::vector<uint64_t> unreported;
  for (const Pending& pending : pending_) unreported.push_back(pending.sequence);
  encode_state(replica_, unreported, out);
  out.hard_state(disk_.hard_state);
  out.number(disk_.entries.size());
  for (const Entry& entry : disk_.entries) out.entry(entry);
  out.number(disk_.start_index.value);
  out.number(wanted_.size());
  for (const consensus::SnapshotWanted& wanted : wanted_) {
    out.id(wanted.peer);
    out.number(wanted.index_min.value);
  }
  out.ids({granted_.begin(), granted_.end()});
  if (config_.time_max > 0) out.time(now_);
  if (config_.plant == Plant::kLeaseFromNewest) out.number(static_cast<uint64_t>(newest_));
  out.number(pending_.size());
  for (const Pending& pending : pending_) {
    out.number(pending.records.size());
    for (const Record& record : pending.records) {
      out.number((record.hard_state ? 1 : 0) + (record.install ? 2 : 0) + (record.entry ? 4 : 0));
      if (record.hard_state) out.hard_state(*record.hard_state);
      if (record.install) encode_snapshot(*record.install, out);
      if (record.entry) out.entry(*record.entry);
    }
    std::vector<std::string> sends;  // the network does not keep their order
    for (const Message& message : pending.send) {
      consensus::StateWriter one(out.options(), sends.emplace_back());
      encode_message(message, one);
    }
    std::sort(sends.begin(), sends.end());
    sends.erase(std::unique(sends.begin(), sends.end()), sends.end());  // nor how often it was sent
    out.number(sends.size());
    for (const std::string& text : sends) out.bytes(text);
  }
  std::vector<std::pair<uint64_t, uint64_t>> counted;
  for (const auto& [id, match] : counted_) counted.emplace_back(out.options().names[id.node.value], match.value);
  std::sort(counted.begin(), counted.end());
  out.number(counted.size());
  for (const auto& [name, match] : counted) {
    out.number(name);
    out.number(match);
  }
}

}  // namespace torc::explore
