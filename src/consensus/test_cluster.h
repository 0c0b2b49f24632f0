// A group of replicas in memory with disks that lose what was not synced and a network that delays, loses, repeats and
// reorders. Every choice comes from one seed. Only for tests.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/prng.h"
#include "consensus/describe.h"
#include "consensus/invariants.h"
#include "consensus/replica.h"

namespace torc::consensus {

inline ReplicaId replica_id(uint64_t node) { return {NodeId(node), ReplicaNumber(1)}; }

inline std::string buffer_of(std::string_view payload) {
  std::string buffer(kEntryHeaderBytes, '\0');
  buffer += payload;
  return buffer;
}

inline Entry entry_of(uint64_t term, uint64_t index, std::string_view payload = "x") {
  return make_entry(Term(term), LogIndex(index), EntryKind::kCommands, buffer_of(payload));
}

/// One replica's log on disk: records are appended in order, and a crash keeps a prefix of the unsynced ones.
struct TestDisk {
  struct Record {
    std::optional<HardState> hard_state;
    std::optional<Entry> entry;
    std::optional<SnapshotHead> install;
  };
  HardState hard_state;
  LogIndex start_index;
  Term start_term;
  Configuration configuration;  // in force at start_index
  std::deque<Entry> entries;    // start_index + 1 ...
  std::deque<Record> unsynced;
  std::string violation;

  void write(const Ready& ready) {
    if (ready.hard_state) unsynced.push_back({.hard_state = ready.hard_state});
    if (ready.install) unsynced.push_back({.install = ready.install});
    for (const Entry& entry : ready.entries) unsynced.push_back({.entry = entry});
  }
  void sync(size_t count) {
    for (; count > 0; --count, unsynced.pop_front()) {
      const Record& record = unsynced.front();
      if (record.hard_state) hard_state = *record.hard_state;
      if (record.install) {
        start_index = record.install->index;
        start_term = record.install->term;
        configuration = record.install->configuration;
        entries.clear();
      }
      if (record.entry) {
        CHECK(record.entry->index > start_index) << "entry " << record.entry->index << " below the start";
        while (!entries.empty() && entries.back().index >= record.entry->index) entries.pop_back();
        CHECK(record.entry->index == start_index + entries.size() + 1) << "gap before " << record.entry->index;
        entries.push_back(*record.entry);
      }
      // A crash may come after any record: a term has to be there before the entries that need it.
      if ((entries.empty() ? start_term : entries.back().term) > hard_state.term)
        violation = "an entry on disk above the term there";
    }
  }
  void cut(LogIndex index) {
    while (!entries.empty() && entries.front().index <= index) {
      start_index = entries.front().index;
      start_term = entries.front().term;
      if (entries.front().kind == EntryKind::kConfiguration) {
        configuration = decode_configuration(entries.front().payload()).value();
      }
      entries.pop_front();
    }
  }
  RestoredState restored() const {
    RestoredState state;
    state.hard_state = hard_state;
    state.start_index = state.commit = start_index;
    state.start_term = start_term;
    state.last_index = start_index + entries.size();
    for (const Entry& entry : entries) {
      if (state.term_runs.empty() || state.term_runs.back().term != entry.term) {
        state.term_runs.push_back({entry.index, entry.term});
      }
      if (entry.kind == EntryKind::kConfiguration) {
        state.configurations.push_back({entry.index, decode_configuration(entry.payload()).value()});
      }
    }
    state.configuration = configuration;
    return state;
  }
};

class TestCluster {
 public:
  static constexpr Instant kStart{1'000'000'000};

  struct Node {
    ReplicaOptions options;
    TestDisk disk;
    std::unique_ptr<Replica> replica;  // null: crashed
    bool is_paused = false;            // like SIGSTOP: its clock runs, it does not
    int64_t clock_percent = 100;       // speed of its clock
    struct Unsynced {
      uint64_t sequence;
      size_t records;
      std::vector<Message> send;
    };
    std::deque<Unsynced> unsynced;  // Readys on their way to the disk
    std::deque<EntriesWanted> loads;
    std::deque<SnapshotWanted> snapshots;
    LogIndex commit;
  };
  struct PendingRead {
    ReplicaId at;
    LogIndex committed;  // what was committed anywhere when it was registered
  };

  /// Replicas 1 to `nodes` are the voters of birth. `spares` more are not members of anything yet.
  TestCluster(uint64_t seed, uint64_t nodes, ReplicaOptions options = {}, uint64_t spares = 0) : prng_(seed) {
    options.group = GroupId(1);
    for (uint64_t n = 1; n <= nodes; ++n) birth_.voters.push_back(replica_id(n));
    for (uint64_t n = 1; n <= nodes + spares; ++n) {
      Node& node = nodes_[replica_id(n)];
      node.options = options;
      node.options.self = replica_id(n);
      if (n <= nodes) node.disk.configuration = birth_;
      start(replica_id(n));
    }
  }

  // ---- what can happen ----
  void start(ReplicaId id) {
    Node& node = nodes_.at(id);
    node.options.seed = prng_.next();
    node.replica = std::make_unique<Replica>(node.options, node.disk.restored(), now_of(id));
    node.commit = node.disk.start_index;
    after_step(id);
  }
  /// Any prefix of what was written and not synced survives (Ready, contract 6).
  void crash(ReplicaId id) { crash(id, prng_.below(nodes_.at(id).disk.unsynced.size() + 1)); }
  void crash(ReplicaId id, size_t records_kept) {
    Node& node = nodes_.at(id);
    sync(id, std::min(records_kept, node.disk.unsynced.size()));
    node.disk.unsynced.clear();
    node.unsynced.clear();
    node.loads.clear();
    node.snapshots.clear();
    node.replica.reset();
    node.is_paused = false;
    invariants_.crashed(id);
    std::erase_if(reads_, [&](const auto& read) { return read.second.at == id; });
  }
  void advance(Duration by) { now_ = now_ + by; }
  void tick(ReplicaId id) {
    nodes_.at(id).replica->tick(now_of(id));
    after_step(id);
  }
  void deliver(size_t position, bool keep_a_copy = false) {
    const Message message = network_[position];
    if (!keep_a_copy) network_.erase(network_.begin() + static_cast<ptrdiff_t>(position));
    Node& to = nodes_.at(message.to);
    const bool is_lost = !to.replica || to.is_paused || cut_.contains({message.from, message.to});
    if (trace) *trace << describe(message) << (is_lost ? " (lost)\n" : "\n");
    if (is_lost) return;
    const LogIndex last_before = status(message.to).last_index;
    const bool is_pull = std::holds_alternative<PullReply>(message.body);
    is_term_forgotten_ = is_pull && plant_pulls_without_term;
    to.replica->receive(message, now_of(message.to));
    after_step(message.to);
    is_term_forgotten_ = false;
    if (is_pull && status(message.to).last_index > last_before) ++pulls;
  }
  void drop(size_t position) { network_.erase(network_.begin() + static_cast<ptrdiff_t>(position)); }
  /// The oldest Ready of `id` reaches the disk.
  void sync_one(ReplicaId id) {
    Node& node = nodes_.at(id);
    if (node.unsynced.empty()) return;
    Node::Unsynced done = std::move(node.unsynced.front());
    node.unsynced.pop_front();
    sync(id, done.records);
    for (Message& message : done.send) network_.push_back(std::move(message));
    node.replica->persisted(done.sequence, now_of(id));
    after_step(id);
  }
  void answer_load(ReplicaId id, bool is_available) {
    Node& node = nodes_.at(id);
    if (node.loads.empty()) return;
    const EntriesWanted wanted = node.loads.front();
    node.loads.pop_front();
    std::vector<Entry> entries;
    size_t bytes = 0;
    for (const Entry& entry : node.disk.entries) {
      if (!is_available || entry.index > wanted.last || bytes >= wanted.bytes_max) break;
      if (wanted.first <= node.disk.start_index) break;
      if (entry.index < wanted.first) continue;
      entries.push_back(entry);
      bytes += entry.size();
    }
    node.replica->entries_loaded(wanted.peer, std::move(entries), now_of(id));
    after_step(id);
  }
  /// The oldest snapshot that `id` has to send arrives, or it fails on its way. It is of what is durable and committed.
  void send_snapshot(ReplicaId id, bool arrives) {
    Node& node = nodes_.at(id);
    if (node.snapshots.empty()) return;
    const SnapshotWanted wanted = node.snapshots.front();
    node.snapshots.pop_front();
    const ReplicaStatus from = status(id);
    const LogIndex index = std::min(from.commit, from.stable_index);
    Node& to = nodes_.at(wanted.peer);
    arrives &= index >= wanted.index_min && to.replica && !to.is_paused && !cut_.contains({id, wanted.peer});
    if (arrives) {
      const SnapshotHead head{id, from.term, index, node.replica->term_at(index).value(),
                              node.replica->configuration_at(index)};
      if (trace) *trace << id.node << "->" << wanted.peer.node << " snapshot of " << index << "\n";
      snapshots += to.replica->snapshot_staged(head, now_of(wanted.peer)) ? 1 : 0;
      after_step(wanted.peer);
    }
    node.replica->snapshot_finished(wanted.peer, arrives ? std::optional(index) : std::nullopt, now_of(id));
    after_step(id);
  }
  std::optional<Replica::Proposed> propose(ReplicaId id, std::string_view payload) {
    const auto place = nodes_.at(id).replica->propose(EntryKind::kCommands, buffer_of(payload), now_of(id));
    after_step(id);
    return place;
  }
  Result<Replica::Proposed> change(ReplicaId id, const ConfigurationChange& change) {
    Result<Replica::Proposed> place = nodes_.at(id).replica->propose_change(change, now_of(id));
    after_step(id);
    return place;
  }
  void read(ReplicaId id) {
    reads_[++last_token_] = {id, invariants_.committed()};
    nodes_.at(id).replica->read(last_token_, now_of(id));
    after_step(id);
  }
  /// A read under the lease must see everything that is committed at this moment.
  void lease_read(ReplicaId id) {
    const auto index = nodes_.at(id).replica->lease_read_index(now_of(id));
    if (!index) return;
    ++lease_reads;
    if (*index < invariants_.committed()) fail(id, "stale lease read");
  }
  void transfer(ReplicaId from, ReplicaId to) {
    nodes_.at(from).replica->transfer_leadership(to, now_of(from));
    after_step(from);
  }
  /// `even_if_needed`: also what some member does not have yet and will need a snapshot for.
  void cut_log(ReplicaId id, bool even_if_needed = false) {
    Node& node = nodes_.at(id);
    const ReplicaStatus status = node.replica->status(now_of(id));
    const LogIndex durable = std::min(status.commit, status.stable_index);
    const LogIndex safe = even_if_needed ? durable : std::min(durable, status.replicated_to_all);
    if (safe <= node.disk.start_index) return;
    if (node.replica->configuration_at(safe).voters.empty()) return;  // no checkpoint
    node.disk.cut(safe);
    node.replica->log_cut(node.disk.start_index);
    after_step(id);
  }
  void set_link(ReplicaId from, ReplicaId to, bool is_up) {
    is_up ? void(cut_.erase({from, to})) : void(cut_.insert({from, to}));
  }
  void heal() {
    cut_.clear();
    for (auto& [id, node] : nodes_) {
      node.is_paused = false;
      if (!node.replica) start(id);
    }
  }
  void isolate(ReplicaId id) {
    for (const auto& [other, node] : nodes_) {
      set_link(id, other, false);
      set_link(other, id, false);
    }
  }

  /// Time passes without faults: everything is delivered in order and synced at once.
  void run(Duration duration, Duration step = 5ms) {
    for (const Instant end = now_ + duration; now_ < end && violation.empty();) {
      settle();
      advance(step);
      for (auto& [id, node] : nodes_) {
        if (node.replica && !node.is_paused && now_of(id) >= node.replica->next_deadline()) tick(id);
      }
    }
    settle();
  }
  /// Delivers and syncs until nothing is on its way; no time passes.
  void settle() {
    for (bool is_busy = true; is_busy && violation.empty();) {
      is_busy = false;
      while (!network_.empty() && violation.empty()) {
        deliver(0);
        is_busy = true;
      }
      for (auto& [id, node] : nodes_) {
        if (!node.replica || node.is_paused) continue;
        is_busy |= !node.unsynced.empty() || !node.loads.empty() || !node.snapshots.empty();
        while (!node.unsynced.empty()) sync_one(id);
        while (!node.loads.empty()) answer_load(id, true);
        if (!node.snapshots.empty()) send_snapshot(id, true);
      }
    }
  }

  // ---- what can be seen ----
  std::optional<ReplicaId> leader() const {
    std::optional<ReplicaId> found;
    Term term;
    for (const auto& [id, node] : nodes_) {
      if (!node.replica) continue;
      const ReplicaStatus status = node.replica->status(now_of(id));
      if (status.role == Role::kLeader && status.term > term) {
        found = id;
        term = status.term;
      }
    }
    return found;
  }
  ReplicaStatus status(ReplicaId id) const { return nodes_.at(id).replica->status(now_of(id)); }
  Instant now_of(ReplicaId id) const { return kStart + (now_ - kStart) * nodes_.at(id).clock_percent / 100; }
  Node& node(ReplicaId id) { return nodes_.at(id); }
  std::map<ReplicaId, Node>& nodes() { return nodes_; }
  std::deque<Message>& network() { return network_; }
  const Configuration& birth() const { return birth_; }
  LogIndex committed() const { return invariants_.committed(); }
  Prng& prng() { return prng_; }

  std::string violation;  // the first one; empty while all is well
  uint64_t lease_reads = 0;
  uint64_t reads_confirmed = 0;
  uint64_t reads_failed = 0;
  uint64_t pulls = 0;      // that made a log longer
  uint64_t snapshots = 0;  // that replaced a log
  std::ostringstream* trace = nullptr;
  /// A planted bug: what a pull says about the term does not reach the disk.
  bool plant_pulls_without_term = false;

 private:
  void fail(ReplicaId id, const std::string& what) {
    std::ostringstream out;
    out << id << ": " << what;
    if (violation.empty()) violation = out.str();
  }

  void sync(ReplicaId id, size_t records) {
    TestDisk& disk = nodes_.at(id).disk;
    disk.sync(records);
    if (!disk.violation.empty()) fail(id, disk.violation);
  }

  void after_step(ReplicaId id) {
    Node& node = nodes_.at(id);
    if (const std::string wrong = invariants_.observe(id, *node.replica); !wrong.empty()) fail(id, wrong);
    while (node.replica->has_ready()) take_ready(id, node);
    const ReplicaStatus status = node.replica->status(now_of(id));
    if (status.messages_refused > 0) fail(id, "refused a message of a correct peer");
  }

  void take_ready(ReplicaId id, Node& node) {
    const size_t unsynced_before = node.disk.unsynced.size();
    Ready ready = node.replica->take_ready();
    if (ready.sequence == 0) fail(id, "Ready without a sequence");
    if (is_term_forgotten_) ready.hard_state.reset();
    node.disk.write(ready);
    for (Message& message : ready.send_now) network_.push_back(std::move(message));
    node.unsynced.push_back(
        {ready.sequence, node.disk.unsynced.size() - unsynced_before, std::move(ready.send_when_durable)});
    if (ready.commit < node.commit) fail(id, "the commit index of Readys fell");
    node.commit = ready.commit;
    for (const EntriesWanted& wanted : ready.entries_wanted) {
      for (const EntriesWanted& out : node.loads) {
        if (out.peer == wanted.peer) fail(id, "two loads for one peer");
      }
      node.loads.push_back(wanted);
    }
    for (const SnapshotWanted& wanted : ready.snapshots_wanted) {
      for (const SnapshotWanted& out : node.snapshots) {
        if (out.peer == wanted.peer) fail(id, "two snapshots for one peer");
      }
      node.snapshots.push_back(wanted);
    }
    for (const ReadOutcome& outcome : ready.reads) {
      const auto read = reads_.find(outcome.token);
      if (read == reads_.end()) {
        fail(id, "an outcome nobody asked for");
        continue;
      }
      outcome.index ? ++reads_confirmed : ++reads_failed;
      if (trace) {
        *trace << id.node << " read " << outcome.token;
        outcome.index ? *trace << " may be served at " << *outcome.index << "\n" : *trace << " failed\n";
      }
      if (outcome.index && *outcome.index < read->second.committed) fail(id, "stale read");
      if (outcome.index && *outcome.index > ready.commit) fail(id, "read of what is not committed");
      reads_.erase(read);
    }
  }

  Prng prng_;
  Instant now_ = kStart;
  Configuration birth_;
  std::map<ReplicaId, Node> nodes_;
  std::deque<Message> network_;
  std::set<std::pair<ReplicaId, ReplicaId>> cut_;
  GroupInvariants invariants_;
  std::map<ReadToken, PendingRead> reads_;
  ReadToken last_token_ = 0;
  bool is_term_forgotten_ = false;
};

}  // namespace torc::consensus
