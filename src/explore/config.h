// What a small world may do, and which bug is planted in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "consensus/membership.h"
#include "consensus/types.h"

namespace torc::explore {

using consensus::ConfigurationChange;
using consensus::Entry;
using consensus::HardState;
using consensus::ReplicaId;

constexpr uint64_t kReplicasMax = 5;
constexpr uint64_t kTermsMax = 7;
/// Longest log a world may grow; a step beyond it is not taken.
constexpr uint64_t kLogMax = 8;
constexpr uint64_t kReadsMax = 4;
constexpr uint64_t kTimeMax = 30;

/// Bugs of a driver or a network, planted around the core and never in it.
enum class Plant : uint8_t {
  kNone,
  kVoteBeforeDurable,    // a vote leaves before it is on disk
  kVoteForgotten,        // a restart brings the term back but not the vote
  kTermForgotten,        // a restart takes the term from the log and knows no vote
  kAppendBeforeDurable,  // entries are acknowledged before they are on disk
  kDiskLies,             // a Ready is reported durable when it was handed to the disk
  kNewestSequence,       // the end of any write is reported as the end of the newest
  kCountsOldTerm,        // a client is answered when a majority holds its entry, whatever the entry's term (figure 8)
  kForgedVote,           // a vote arrives a second time under another's name
  kRefusalIsGrant,       // a refused vote is read as a granted one
  kPullWithoutTerm,      // the term of a pull does not reach the disk with its entries
  kReadUnconfirmed,      // a leader answers reads without asking whether it still leads
  kOldVotersElect,       // a candidate in a joint configuration asks the outgoing voters alone
  kOldVotersCommit,      // a client is answered when a majority of the outgoing voters holds its entry
  kCountsWhenApplied,    // a restart brings back only the configuration that the checkpoint has applied
  kSnapshotWithoutTerm,  // the term of a snapshot's sender does not reach the disk with the snapshot
  kLeaseFromNewest,      // an answer counts for the newest message that was sent, not for the one it answers
  kClockStands,          // the clock of a leader does not count the time it is stopped
  kVotesAfterRestart,    // a restarted replica does not wait before it votes
};
constexpr Plant kPlantLast = Plant::kVotesAfterRestart;
std::string_view to_string(Plant plant);
/// "vote-before-durable", ...; nothing for a name no plant has.
std::optional<Plant> plant_of(std::string_view name);

/// One replica's disk, as far as consensus sees it.
struct Disk {
  HardState hard_state;
  /// From index 1 on, also when the log has been cut: entries up to start_index stand for the state in the checkpoint.
  std::vector<Entry> entries;
  LogIndex start_index;
};

struct Config {
  uint64_t replicas = 3;       // in all: voters, then learners, then spares
  uint64_t learners = 0;       // members of birth that have no vote
  uint64_t spares = 0;         // not members yet
  uint64_t terms_max = 2;      // no replica goes beyond this term
  uint64_t proposals_max = 1;  // by any leaders, in all
  uint64_t crashes_max = 1;    // in all; each is followed by a restart
  uint64_t reads_max = 0;      // at any leaders, in all; above 0 send stamps are part of the state
  /// Which membership changes leaders propose, one after the other, in all.
  std::vector<ConfigurationChange> changes;
  uint64_t transfers_max = 0;  // of leadership, by any leader to any other voter, in all
  uint64_t cuts_max = 0;       // of any log, in all: behind them only snapshots help
  /// Above 0 time passes, in so many steps of a third of the shortest election timeout, for all replicas at once; there
  /// are heartbeats and leases, and whoever has one must know of everything that is committed. 0: see later() in
  /// driver.cc.
  uint64_t time_max = 0;
  /// False: a write is durable at once, unless a crash is still to come.
  bool is_disk_slow = true;
  bool pre_vote = false;
  bool pull = false;              // needs pre_vote
  bool heartbeats = false;        // false: heartbeats are lost, except those that reads ask for
  bool is_symmetric = true;       // worlds that differ only in who is who count as one
  bool forgets_dead_mail = true;  // messages that can never matter again are taken off the network
  bool one_entry_per_request = false;
  bool starts_elected = false;  // replica 1 leads term 1 at the start, and everybody has its no-op
  std::vector<Disk> disks;      // at the start; empty: nobody ever ran
  Plant plant = Plant::kNone;
};

/// Figure 8 (b): the leaders of terms 1 and 2 each wrote one entry that nobody else has; all heard of term 2.
std::vector<Disk> figure_8_disks();
/// Replicas 1 and 2 led and followed in term 1, applied its no-op and cut their logs; replica 3 never heard of it.
std::vector<Disk> lagging_disks();

/// Adds who a membership change is about, and the change: "promote" (a learner joins two voters), "add" (a spare
/// becomes a learner, then the third voter), "grow" (one voter, two learners: three voters at once), "remove" (replica
/// 3 of 3), "remove-leader" (replica 1 of 3), "shrink" (2 and 3 of 3), "replace" (4 for 3). False for a name that is
/// none.
bool add_change(std::string_view name, Config& config);
constexpr std::string_view kChangeNames = "promote, add, grow, remove, remove-leader, shrink, replace";

/// Stamps of messages are part of a state.
inline bool has_stamps(const Config& config) { return config.reads_max > 0 || config.time_max > 0; }

/// The smallest world in which this bug shows. Every one of them is clean without its plant.
Config world_of(Plant plant);

}  // namespace torc::explore
