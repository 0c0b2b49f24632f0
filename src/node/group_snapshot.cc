// Snapshots of a group: whom the core wants one sent to, and how an arrived one takes the place of log and state.
#include <utility>

#include "base/check.h"
#include "node/group.h"

namespace torc::node {

void Group::send_snapshot(const consensus::SnapshotWanted& wanted) {
  // The log is only ever cut behind the checkpoint.
  CHECK(own_checkpoints_.index() >= wanted.index_min) << own_checkpoints_.index() << " " << wanted.index_min;
  const Status begun = snapshot_sender_.begin(wanted.peer, term(), clock_.now());
  if (!begun.ok()) host_.on_fatal(begun.error());
}

void Group::receive(const wire::SnapshotReply& reply) {
  if (reply.to != options_.replica.self) return;
  const Status sent = snapshot_sender_.on_reply(reply, clock_.now());
  if (!sent.ok()) host_.on_fatal(sent.error());
}

void Group::receive(const wire::SnapshotChunk& chunk) {
  if (chunk.to != options_.replica.self) return;  // from whoever: as in receive() of a message
  const Instant now = clock_.now();
  switch (snapshot_receiver_.on_chunk(chunk, !own_checkpoints_.is_writing(), now)) {
    case SnapshotReceiver::Event::kNone:
      return;
    case SnapshotReceiver::Event::kHead:
      // What the log holds already need not be sent to the end.
      if (snapshot_receiver_.head().index > replica_->status(now).commit) return;
      break;
    case SnapshotReceiver::Event::kComplete:
      break;
  }
  if (!replica_->snapshot_staged(snapshot_receiver_.head(), now)) return snapshot_receiver_.finish();
  CHECK(!install_);
  install_ = std::make_unique<Install>();  // the next Ready says so
  install_->sink = snapshot_receiver_.take_for_install();
}

// Docs/protocol.md, "Snapshots": term, switch of checkpoints, log reset, each durable before the next. A crash in
// between leaves the former state, or a checkpoint that the log is joined with at the next start.
void Group::begin_install(consensus::Ready ready) {
  CHECK(install_ && !install_->ready);
  if (ready.hard_state) log_.append_hard_state(options_.replica.group, *std::exchange(ready.hard_state, std::nullopt));
  install_->ready = std::move(ready);
  log_.flush(lifetime_.bind([this](const Status& status) {
    if (!status.ok()) return host_.on_fatal(status.error());
    switch_checkpoints();
  }));
}

void Group::switch_checkpoints() {
  install_->sink->commit(lifetime_.bind([this](const Status& status) {
    if (!status.ok()) return host_.on_fatal(status.error());
    install_->is_switched = true;
  }));
}

void Group::finish_install() {
  const std::unique_ptr<Install> done = std::move(install_);
  const consensus::SnapshotHead& head = *done->ready->install;
  log_.reset(options_.replica.group, head.index, head.term);
  std::unique_ptr<kv::StateMachine> former = std::exchange(state_, done->sink->take_state());
  done->sink.reset();  // with it the store's writer
  own_checkpoints_.begin(*state_, head.index, head.index);
  adopt_stamp();
  unapplied_.clear();
  // Whether what was proposed here up to there is part of the snapshot, nobody here can tell.
  refuse_all(proposals_.take_lost(head.index), kv::Refusal::kUnknownOutcome);
  ++snapshots_installed_;
  snapshot_receiver_.finish();
  carry_out(*std::move(done->ready));
}

}  // namespace torc::node
