// How a group's replica comes back: the checkpoint, joined with what the log has, and how the log is cut again.
#include <algorithm>

#include "base/check.h"
#include "node/group.h"
#include "storage/checkpoint_format.h"

namespace torc::node {
namespace {

/// Of a checkpoint per maintenance round (10 ms): at most about 400 MB/s of images, some percent of the loop's time.
constexpr size_t kCheckpointSliceBytes = 4u << 20;
/// The log is cut in steps of this, not at every acknowledgement.
constexpr uint64_t kCutEntriesMin = 64;
constexpr Duration kRetryCheckpointAfter = 10s;  // after one that found the disk full

}  // namespace

Group::Group(const GroupOptions& options, GroupHost& host, Clients& clients, env::Clock& clock, storage::Log& log,
             env::CheckpointStore& checkpoints)
    : options_(options),
      host_(host),
      clients_(clients),
      clock_(clock),
      log_(log),
      checkpoints_(checkpoints),
      state_(std::make_unique<kv::StateMachine>(kv::StateMachineOptions{options.hash_seed})),
      proposals_(consensus::kEntryHeaderBytes, options.batch_bytes_max, options.proposals_in_flight_max) {}

Group::~Group() = default;

Result<std::unique_ptr<Group>> Group::open(const GroupOptions& options, const consensus::Configuration& birth,
                                           GroupHost& host, Clients& clients, env::Clock& clock, storage::Log& log,
                                           env::CheckpointStore& checkpoints) {
  std::unique_ptr<Group> group(new Group(options, host, clients, clock, log, checkpoints));
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
  restored.configuration = birth;
  if (const std::optional<storage::CheckpointMeta>& checkpoint = *loaded) {
    const Status filled = storage::restore_checkpoint(checkpoints_, *checkpoint, *state_);
    if (!filled.ok()) return filled;
    restored.configuration = checkpoint->configuration;
    restored.commit = checkpoint_index_ = checkpoint->index;
    const Status joined = join_log_with(*checkpoint, log);
    if (!joined.ok()) return joined;
  } else if (log.start_index) {
    return Error{ErrorCode::kCorrupt, "the log starts after entry " + std::to_string(log.start_index.value) +
                                          " but the checkpoint that covers the rest is missing"};
  }
  restored.hard_state = log.hard_state;
  restored.configurations = log.configurations;
  restored.start_index = cut_index_ = log.start_index;
  restored.start_term = log.start_term;
  restored.term_runs = log.term_runs;
  restored.last_index = log.last_index;

  replica_ = std::make_unique<consensus::Replica>(options_.replica, std::move(restored), clock_.now());
  checkpointer_ = std::make_unique<storage::Checkpointer>(
      checkpoints_, id, *state_,
      [this](const storage::Checkpointer::Outcome& outcome) { on_checkpoint_outcome(outcome); });
  return {};
}

// A log that ends before the checkpoint, or disagrees with its term, holds nothing that the checkpoint does not cover:
// it restarts there (RULES 12). That happens when entries were applied before they were durable here.
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

void Group::checkpoint_when_due() {
  if (checkpointer_->is_running()) {
    checkpointer_->step(kCheckpointSliceBytes);
    return;
  }
  const uint64_t log_bytes = log_.group_bytes(options_.replica.group);
  const LogIndex applied = state_->applied();
  if (log_bytes < log_bytes_at_checkpoint_ + options_.checkpoint_log_bytes || applied == checkpoint_index_) return;
  if (clock_.now() < next_checkpoint_) return;
  const std::optional<Term> term = replica_->term_at(applied);
  CHECK(term.has_value()) << "the term of applied entry " << applied << " is unknown";
  log_bytes_at_checkpoint_ = log_bytes;
  checkpointer_->start(*term, replica_->configuration_at(applied));
}

void Group::on_checkpoint_outcome(const storage::Checkpointer::Outcome& outcome) {
  if (outcome.status.ok()) {
    checkpoint_index_ = outcome.index;
    return;
  }
  if (outcome.status.error().code != ErrorCode::kDiskFull) return host_.on_fatal(outcome.status.error());
  next_checkpoint_ = clock_.now() + kRetryCheckpointAfter;  // the former checkpoint stands
  log_bytes_at_checkpoint_ = 0;
}

// Behind the checkpoint nobody here needs the log; behind what every voter has nobody elsewhere does (decision 5).
void Group::cut_log() {
  const LogIndex safe = std::min(checkpoint_index_, replica_->status(clock_.now()).replicated_to_all);
  if (safe < cut_index_ + kCutEntriesMin) return;
  const std::optional<Term> term = replica_->term_at(safe);
  if (!term) return;
  const uint64_t before = log_.group_bytes(options_.replica.group);
  log_.cut(options_.replica.group, safe, *term);
  replica_->log_cut(safe);
  cut_index_ = safe;
  const uint64_t freed = before - log_.group_bytes(options_.replica.group);
  log_bytes_at_checkpoint_ -= std::min(log_bytes_at_checkpoint_, freed);
}

}  // namespace torc::node
