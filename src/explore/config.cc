#include "explore/config.h"

namespace torc::explore {
namespace {

ReplicaId id_of(uint64_t node) { return {NodeId(node), ReplicaNumber(1)}; }

Entry noop(uint64_t term, uint64_t index) {
  return consensus::make_entry(Term(term), LogIndex(index), consensus::EntryKind::kNoop,
                               std::string(consensus::kEntryHeaderBytes, '\0'));
}

}  // namespace

std::vector<Disk> figure_8_disks() {
  return {Disk{{Term(2), {}}, {noop(1, 1)}, {}}, Disk{{Term(2), id_of(2)}, {noop(2, 1)}, {}},
          Disk{{Term(2), id_of(2)}, {}, {}}};
}

std::vector<Disk> lagging_disks() {
  const HardState voted{Term(1), id_of(1)};
  const Disk full{voted, {noop(1, 1)}, LogIndex(1)};
  return {full, full, Disk{}};
}

bool add_change(std::string_view name, Config& config) {
  config.replicas = 3;
  config.learners = config.spares = 0;
  if (name == "promote") {
    config.learners = 1;
    config.changes = {{.promote = {id_of(3)}}};
  } else if (name == "add") {
    config.spares = 1;
    config.changes = {{.add_learners = {id_of(3)}}, {.promote = {id_of(3)}}};
  } else if (name == "grow") {
    config.learners = 2;
    config.changes = {{.promote = {id_of(2), id_of(3)}}};
  } else if (name == "remove") {
    config.changes = {{.remove = {id_of(3)}}};
  } else if (name == "remove-leader") {
    config.changes = {{.remove = {id_of(1)}}};
  } else if (name == "shrink") {
    config.changes = {{.remove = {id_of(2), id_of(3)}}};
  } else if (name == "replace") {
    config.replicas = 4;
    config.learners = 1;
    config.changes = {{.promote = {id_of(4)}, .remove = {id_of(3)}}};
  } else {
    return false;
  }
  return true;
}

std::string_view to_string(Plant plant) {
  switch (plant) {
    case Plant::kNone:
      return "none";
    case Plant::kVoteBeforeDurable:
      return "vote-before-durable";
    case Plant::kVoteForgotten:
      return "vote-forgotten";
    case Plant::kTermForgotten:
      return "term-forgotten";
    case Plant::kAppendBeforeDurable:
      return "append-before-durable";
    case Plant::kDiskLies:
      return "disk-lies";
    case Plant::kNewestSequence:
      return "newest-sequence";
    case Plant::kCountsOldTerm:
      return "counts-old-term";
    case Plant::kForgedVote:
      return "forged-vote";
    case Plant::kRefusalIsGrant:
      return "refusal-is-grant";
    case Plant::kPullWithoutTerm:
      return "pull-without-term";
    case Plant::kReadUnconfirmed:
      return "read-unconfirmed";
    case Plant::kOldVotersElect:
      return "old-voters-elect";
    case Plant::kOldVotersCommit:
      return "old-voters-commit";
    case Plant::kCountsWhenApplied:
      return "counts-when-applied";
    case Plant::kSnapshotWithoutTerm:
      return "snapshot-without-term";
    case Plant::kLeaseFromNewest:
      return "lease-from-newest";
    case Plant::kClockStands:
      return "clock-stands";
    case Plant::kVotesAfterRestart:
      return "votes-after-restart";
  }
  return "unknown";
}

std::optional<Plant> plant_of(std::string_view name) {
  for (uint8_t p = 0; p <= static_cast<uint8_t>(kPlantLast); ++p) {
    if (to_string(static_cast<Plant>(p)) == name) return static_cast<Plant>(p);
  }
  return std::nullopt;
}

Config world_of(Plant plant) {
  Config config;
  config.plant = plant;
  switch (plant) {
    case Plant::kNone:
      break;
    case Plant::kVoteBeforeDurable:
    case Plant::kVoteForgotten:
    case Plant::kTermForgotten:
      config.terms_max = 1;
      config.proposals_max = 0;
      break;
    case Plant::kAppendBeforeDurable:
    case Plant::kDiskLies:
      config.proposals_max = 0;
      break;
    case Plant::kNewestSequence:
      config.terms_max = 1;
      config.crashes_max = 0;
      break;
    case Plant::kRefusalIsGrant:
      config.terms_max = 1;
      config.proposals_max = config.crashes_max = 0;
      break;
    case Plant::kCountsOldTerm:
      config.terms_max = 4;
      config.proposals_max = config.crashes_max = 0;
      config.is_disk_slow = false;
      config.one_entry_per_request = true;
      config.disks = figure_8_disks();
      break;
    case Plant::kForgedVote:
      config.replicas = 4;
      config.terms_max = 1;
      config.proposals_max = config.crashes_max = 0;
      break;
    case Plant::kPullWithoutTerm:
      config.terms_max = 3;
      config.proposals_max = config.crashes_max = 0;
      config.pre_vote = config.pull = true;
      config.is_disk_slow = false;
      config.disks = figure_8_disks();
      config.disks[2].hard_state = {};
      break;
    case Plant::kReadUnconfirmed:
      config.proposals_max = config.crashes_max = 0;
      config.reads_max = 1;
      config.is_disk_slow = false;
      config.starts_elected = true;
      break;
    case Plant::kOldVotersElect:
    case Plant::kOldVotersCommit:
    case Plant::kCountsWhenApplied:
      add_change(plant == Plant::kOldVotersCommit ? "remove-leader" : "shrink", config);
      config.proposals_max = 0;
      config.crashes_max = plant == Plant::kCountsWhenApplied ? 1 : 0;
      config.is_disk_slow = false;
      config.starts_elected = true;
      break;
    case Plant::kSnapshotWithoutTerm:  // the receiver has heard of the term, and forgets it in a crash
      config.proposals_max = 0;
      config.is_disk_slow = false;
      config.disks = lagging_disks();
      break;
    case Plant::kLeaseFromNewest:
    case Plant::kClockStands:
    case Plant::kVotesAfterRestart:
      config.proposals_max = 0;
      config.crashes_max = plant == Plant::kVotesAfterRestart ? 1 : 0;
      config.time_max = 4;
      config.is_disk_slow = false;
      config.starts_elected = true;
      break;
  }
  return config;
}

}  // namespace torc::explore
