// One replica of the real core with its disk, driven as a node drives it (consensus/ready.h, the contract), or wrongly
// where a bug is planted.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "consensus/replica.h"
#include "consensus/state_encoding.h"
#include "explore/config.h"

namespace torc::explore {

using consensus::Message;

enum class InputKind : uint8_t {
  kReceive,  // argument: the message
  kTick,     // a silence longer than any timeout passed
  kSync,     // the oldest Ready reached the disk
  kCrash,    // argument: so many unsynced records survive; restarts at once
  kPropose,  // argument: which proposal
  kRead,     // argument: token
};

struct Effects {
  std::vector<Message> sent;
  std::vector<consensus::ReadOutcome> reads;
  std::string wrong;  // a broken contract; empty if none
};

class Driver {
 public:
  Driver(const Config& config, ReplicaId self, Disk disk);

  Effects receive(const Message& message);
  Effects tick();
  Effects sync();
  Effects propose(std::string_view payload);
  Effects read(consensus::ReadToken token);
  /// What is on the disk when the process dies with `records_kept` of its unsynced records written.
  Disk disk_after_crash(size_t records_kept) const;

  const consensus::Replica& replica() const { return replica_; }
  consensus::ReplicaStatus status() const { return replica_.status(now_); }
  const Disk& disk() const { return disk_; }
  /// The log with everything that was handed to the disk: what the core believes its log to be.
  std::vector<Entry> written_log() const;
  size_t readys_pending() const { return pending_.size(); }
  size_t records_pending() const;
  /// Clients have been told that entries up to here are committed.
  LogIndex acknowledged() const;
  void encode(consensus::StateWriter& out) const;

 private:
  struct Record {
    std::optional<HardState> hard_state;
    std::optional<Entry> entry;
  };
  struct Pending {
    uint64_t sequence;
    std::vector<Record> records;
    std::vector<Message> send;
  };

  static void write(Disk& disk, const Record& record);
  /// A crash may come after any record: a term has to be there before the entries that need it.
  bool is_order_wrong() const;
  Instant later();
  void drain(Effects& effects);
  void take(Effects& effects);
  void send(Effects& effects, Message message) const;
  void answer(const consensus::EntriesWanted& wanted);

  const Config& config_;
  ReplicaId self_;
  Instant now_;
  Disk disk_;
  consensus::Replica replica_;
  uint64_t sequence_ = 0;
  LogIndex commit_;
  std::deque<Pending> pending_;
  bool is_term_dropped_ = false;           // kPullWithoutTerm
  std::map<ReplicaId, LogIndex> counted_;  // kCountsOldTerm: what members acknowledged to this leader
};

/// Members of a world's group.
consensus::Configuration members_of(const Config& config);
inline ReplicaId member(uint64_t position) { return {NodeId(position + 1), Incarnation(1)}; }
/// Appends a message; its stamp only if the options want stamps.
void encode_message(const Message& message, consensus::StateWriter& out);

}  // namespace torc::explore
