#include "explore/config.h"

namespace torc::explore {
namespace {

Entry noop(uint64_t term, uint64_t index) {
  return consensus::make_entry(Term(term), LogIndex(index), consensus::EntryKind::kNoop,
                               std::string(consensus::kEntryHeaderBytes, '\0'));
}

}  // namespace

std::vector<Disk> figure_8_disks() {
  const auto id = [](uint64_t node) { return ReplicaId{NodeId(node), Incarnation(1)}; };
  return {Disk{{Term(2), {}}, {noop(1, 1)}}, Disk{{Term(2), id(2)}, {noop(2, 1)}}, Disk{{Term(2), id(2)}, {}}};
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
  }
  return config;
}

}  // namespace torc::explore
