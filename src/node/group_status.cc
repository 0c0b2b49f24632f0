// What a group tells about itself, and what gathers in it.
#include "kv/sessions.h"
#include "node/group.h"
#include "storage/checkpointer.h"
#include "wire/peer_message.h"

namespace torc::node {
namespace {

/// Beside batches: first entries of leaderships, configurations.
constexpr uint64_t kSmallEntriesBytesMax = 1u << 20;

}  // namespace

LogIndex Group::durable_index() const {
  const LogIndex stable = replica_->status(clock_.now()).stable_index;
  return stable == LogIndex() ? durable_before_install_ : stable;
}

GroupStatus Group::status() const {
  GroupStatus status;
  status.group = options_.replica.group;
  status.self = options_.replica.self;
  status.replica = replica_->status(clock_.now());
  status.leader_node = status.replica.leader.node;
  status.applied = applier_.applied();
  status.is_within_entry = applier_.is_within_entry();
  status.operations = state().operation_count();
  status.applied_bytes = applier_.applied_bytes();
  status.checkpoint_index = own_checkpoints_.index();
  status.snapshots_installed = snapshots_installed_;
  status.appends_put_off = appends_put_off_;
  status.stamp = stamp_;
  status.stamps_set_back = stamps_set_back_;
  status.keys = state().key_count();
  status.state_bytes = state().bytes_used();
  status.log_bytes = log_.group_bytes(options_.replica.group);
  status.voters = replica_->configuration().voters.size();
  return status;
}

void Group::add_gauges(std::vector<Gauge>& gauges) const {
  // No more is taken above unsynced_bytes_max: one batch or one message passes it.
  const uint64_t undurable_max = options_.unsynced_bytes_max + wire::kFrameBytesMax;
  static_assert(consensus::kEntryBytesMax + kSmallEntriesBytesMax <= wire::kFrameBytesMax);
  const uint64_t in_flight_max = options_.proposals_in_flight_max * consensus::kEntryBytesMax;
  // Entries that are not durable, or not decided, and some more for members slightly behind (LogView::trim_held).
  const uint64_t held_max = options_.replica.held_bytes_max + undurable_max + in_flight_max + kSmallEntriesBytesMax;
  // Each command is counted by Clients as what waits, which is more than its encoding takes; one purge comes on top.
  const uint64_t gathered_max = clients_.held_bytes_max() + options_.batch_bytes_max + kPurgeBytesMax;
  gauges.push_back({"proposals_gathered", proposals_.bytes_unproposed(), gathered_max});
  gauges.push_back({"proposals_in_flight", proposals_.bytes_in_flight(), in_flight_max});
  gauges.push_back({"reads_waiting", reads_.bytes(), clients_.held_bytes_max()});
  gauges.push_back({"entries_undurable", undurable_bytes_ + unoffered_bytes_, undurable_max});
  gauges.push_back({"entries_held", replica_->status(clock_.now()).held_bytes, held_max});
  gauges.push_back({"entries_unapplied", applier_.unapplied_bytes(), Unapplied::kBytesMax});
  gauges.push_back({"messages_unsent", unsent_.bytes(), HeldMessages::kBytesMax});
  gauges.push_back({"sessions", state().session_bytes(), kv::kSessionsBytesMax});
  gauges.push_back({"flushed_state", state().flushed_bytes(), state().flushed_bytes_max()});
  gauges.push_back({"checkpoint_unwritten", own_checkpoints_.bytes_pending(), Checkpoints::kBytesPendingMax});
  snapshot_sender_.add_gauges(gauges);
  snapshot_receiver_.add_gauges(gauges);
}

}  // namespace torc::node
