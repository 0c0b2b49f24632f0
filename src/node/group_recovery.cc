// How a group's replica comes back: the checkpoint, joined with what the log has.
#include "base/check.h"
#include "node/group.h"
#include "storage/checkpoint_format.h"

namespace torc::node {
namespace {

SnapshotSenderOptions sender_options(const consensus::ReplicaOptions& replica, Surroundings& surroundings) {
  return {replica.group,
          replica.self,
          replica.seed,
          replica.heartbeat_interval,
          replica.election_timeout_min,
          [&surroundings](NodeId node) { return surroundings.is_sending_to(node); }};
}

SnapshotReceiverOptions receiver_options(const GroupOptions& options) {
  const consensus::ReplicaOptions& replica = options.replica;
  return {replica.group,
          replica.self,
          {options.hash_seed, options.arc},
          kSnapshotStallTimeouts * replica.election_timeout_min};
}

}  // namespace

Group::Group(const GroupOptions& options, Surroundings& surroundings, Clients& clients, env::Clock& clock,
             storage::Log& log, env::CheckpointStore& checkpoints)
    : options_(options),
      surroundings_(surroundings),
      clients_(clients),
      clock_(clock),
      log_(log),
      checkpoints_(checkpoints),
      applier_(options.replica.group, {options.hash_seed, options.arc}, log, clients),
      disk_watch_(options.replica.self),
      own_checkpoints_({options.replica.group, options.log_bytes_max, options.segment_bytes}, checkpoints, log, clock,
                       [this](const Error& error) { fail(error); }),
      snapshot_sender_(
          sender_options(options.replica, surroundings), checkpoints,
          [this](const wire::SnapshotChunk& chunk) { output_.chunks.push_back(chunk); },
          [this](consensus::ReplicaId peer, std::optional<LogIndex> index) {
            replica_->snapshot_finished(peer, index, clock_.now());
          }),
      snapshot_receiver_(receiver_options(options), checkpoints,
                         [this](const wire::SnapshotReply& reply) { output_.snapshot_replies.push_back(reply); }),
      installation_(options.replica.group, log, clock, [this](const Error& error) { fail(error); }),
      proposals_(consensus::kEntryHeaderBytes,
                 {.batch_bytes_max = options.batch_bytes_max, .in_flight_max = options.proposals_in_flight_max}) {}

Group::~Group() = default;

Result<std::unique_ptr<Group>> Group::open(const GroupOptions& options, const consensus::Configuration& birth,
                                           Surroundings& surroundings, Clients& clients, env::Clock& clock,
                                           storage::Log& log, env::CheckpointStore& checkpoints) {
  std::unique_ptr<Group> group(new Group(options, surroundings, clients, clock, log, checkpoints));
  const Status restored = group->restore(birth);
  if (!restored.ok()) return restored.error();
  return group;
}

Status Group::restore(const consensus::Configuration& birth) {
  const GroupId id = options_.replica.group;
  Result<std::optional<storage::CheckpointMeta>> loaded = storage::load_checkpoint(checkpoints_, id);
  if (!loaded.ok()) return loaded.error();
  storage::GroupLog log;
  if (const auto found = log_.recovered().find(id); found != log_.recovered().end()) log = found->second;

  consensus::RestoredState restored;
  LogIndex checkpoint_index;
  restored.configuration = birth;
  if (const std::optional<storage::CheckpointMeta>& checkpoint = *loaded) {
    const Status filled = storage::restore_checkpoint(checkpoints_, *checkpoint, state());
    if (!filled.ok()) return filled;
    restored.configuration = checkpoint->configuration;
    restored.commit = checkpoint_index = checkpoint->index;
    const Status joined = join_log_with(*checkpoint, log);
    if (!joined.ok()) return joined;
  } else if (log.start_index) {
    return Error{ErrorCode::kCorrupt, "the log starts after entry " + std::to_string(log.start_index.value) +
                                          " but the checkpoint that covers the rest is missing"};
  }
  adopt_stamp();
  restored.hard_state = log.hard_state;
  restored.configurations = log.configurations;
  restored.start_index = log.start_index;
  restored.start_term = log.start_term;
  restored.term_runs = log.term_runs;
  restored.last_index = log.last_index;

  if (const Status checked = consensus::check_restored(restored); !checked.ok()) return checked;
  replica_ = std::make_unique<consensus::Replica>(options_.replica, std::move(restored), clock_.now());
  own_checkpoints_.begin(state(), checkpoint_index, log.start_index);
  return {};
}

// A log that ends before the checkpoint, or disagrees with its term, holds nothing that the checkpoint does not cover:
// it restarts there (rules.md#snapshot-install). That happens when entries were applied before they were durable here.
Status Group::join_log_with(const storage::CheckpointMeta& checkpoint, storage::GroupLog& log) {
  if (log.start_index > checkpoint.index) {
    return Error{ErrorCode::kCorrupt, "the log starts after entry " + std::to_string(log.start_index.value) +
                                          " but the checkpoint ends at " + std::to_string(checkpoint.index.value)};
  }
  // The term's record was lost with the entries. A vote in that term was never told to anybody: it leaves durable.
  if (log.hard_state.term < checkpoint.term) {
    log.hard_state = {checkpoint.term, {}};
    log_.append_hard_state(options_.replica.group, log.hard_state);
  }
  Term term_there = log.start_term;
  for (const consensus::TermRun& run : log.term_runs) {
    if (run.first_index <= checkpoint.index) term_there = run.term;
  }
  if (checkpoint.index <= log.last_index && term_there == checkpoint.term) return {};
  log_.reset(options_.replica.group, checkpoint.index, checkpoint.term);
  log.start_index = log.last_index = checkpoint.index;
  log.start_term = checkpoint.term;
  log.term_runs.clear();
  log.configurations.clear();
  return {};
}

}  // namespace torc::node
