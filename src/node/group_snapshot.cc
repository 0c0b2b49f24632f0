// Snapshots of a group: whom the core wants one sent to, and how an arrived one takes the place of log and state.
#include <utility>

#include "base/check.h"
#include "node/group.h"

namespace torc::node {
namespace {

constexpr Duration kSpaceRetryDelay = 10s;  // what is sent meanwhile would be sent in vain

}  // namespace

void Group::send_snapshot(const consensus::SnapshotWanted& wanted) {
  // The log is only ever cut behind the checkpoint.
  CHECK(own_checkpoints_.index() >= wanted.index_min) << own_checkpoints_.index() << " " << wanted.index_min;
  const Status begun = snapshot_sender_.begin(wanted.peer, term(), clock_.now());
  if (!begun.ok()) fail(begun.error());
}

void Group::receive(const wire::SnapshotReply& reply) {
  if (reply.to != options_.replica.self) return;
  const Status sent = snapshot_sender_.on_reply(reply, clock_.now());
  if (!sent.ok()) fail(sent.error());
}

void Group::receive(const wire::SnapshotChunk& chunk) {
  if (chunk.to != options_.replica.self) return;  // from whoever: as in receive() of a message
  const Instant now = clock_.now();
  const bool may_begin = !own_checkpoints_.is_writing() && now >= snapshots_not_before_;
  switch (snapshot_receiver_.on_chunk(chunk, may_begin, now)) {
    case SnapshotReceiver::Event::kNone:
      return;
    case SnapshotReceiver::Event::kHead:
      // What the log holds already need not be sent to the end.
      if (snapshot_receiver_.head().index <= replica_->status(now).commit) install_snapshot();
      return;
    case SnapshotReceiver::Event::kComplete:
      snapshot_receiver_.write(lifetime_.bind([this](const Status& status) { on_snapshot_written(status); }));
      return;
  }
}

// Before the log is given up for it: no space is a reason to try again later, with the former state.
void Group::on_snapshot_written(const Status& status) {
  if (status.ok()) return install_snapshot();
  if (status.error().code != ErrorCode::kDiskFull) return fail(status.error());
  snapshots_not_before_ = clock_.now() + kSpaceRetryDelay;
  snapshot_receiver_.refuse();
}

// From here until it is the state, the core counts nothing as durable. The disk has the former log until it has the
// new state: a node that is asked meanwhile what it remembers is no old copy of itself.
void Group::install_snapshot() {
  durable_before_install_ = replica_->status(clock_.now()).stable_index;
  if (!replica_->snapshot_staged(snapshot_receiver_.head(), clock_.now())) return snapshot_receiver_.finish();
  installation_.expect(snapshot_receiver_.take_for_install());  // the next Ready says so
}

void Group::finish_install() {
  Installation::Installed installed = installation_.finish();
  const LogIndex index = installed.ready.install->index;
  // The former state goes with what was being done to it, and read from it.
  refuse_all(applier_.abandon_entry(), kv::Refusal::kUnknownOutcome);
  if (read_under_way_) output_.homeless.push_back(std::move(read_under_way_->request));
  read_under_way_.reset();
  const std::unique_ptr<kv::StateMachine> former = applier_.replace(std::move(installed.state));
  own_checkpoints_.begin(state(), index, index);
  adopt_stamp();
  // Whether what was proposed here up to there is part of the snapshot, nobody here can tell.
  refuse_all(proposals_.take_lost(index), kv::Refusal::kUnknownOutcome);
  ++snapshots_installed_;
  snapshot_receiver_.finish();
  carry_out(std::move(installed.ready));
}

}  // namespace torc::node
