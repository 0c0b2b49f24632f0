// A snapshot between "the core has given its log up for it" and "it is the state" (docs/protocol.md, "Snapshots").
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/lifetime.h"
#include "consensus/ready.h"
#include "env/clock.h"
#include "kv/state_machine.h"
#include "storage/log.h"
#include "storage/snapshot_sink.h"

namespace torc::node {

/// Term, switch of checkpoints, log reset, each durable before the next. A crash in between leaves the former state, or
/// a checkpoint that the log is joined with at the next start.
///
///     expect() -> begin() -> hard state durable -> checkpoints switched -> finish() -> (nothing)
///                 |<------ is_under_way(): no other Ready is taken ----->|
class Installation {
 public:
  /// Log and clock outlive it. `on_fatal`: the disk or the store can no longer be trusted.
  Installation(GroupId group, storage::Log& log, env::Clock& clock, std::function<void(const Error&)> on_fatal);

  /// All of it is staged, and the core's next Ready will say `install`. Requires: nothing is expected.
  void expect(std::unique_ptr<storage::SnapshotSink> sink);
  bool is_expected() const { return sink_ != nullptr; }
  /// Nothing may reach the log before the switch of checkpoints, which takes its time off the loop. Requires:
  /// is_expected(), and the Ready says `install`.
  void begin(consensus::Ready ready);
  bool is_under_way() const { return ready_.has_value(); }
  bool is_switched() const { return is_switched_; }
  /// Resets the log. What is left of the Ready is to be carried out. Requires: is_switched().
  struct Installed {
    consensus::Ready ready;
    std::unique_ptr<kv::StateMachine> state;
  };
  Installed finish();

 private:
  void switch_checkpoints();

  const GroupId group_;
  storage::Log& log_;
  env::Clock& clock_;
  const std::function<void(const Error&)> on_fatal_;
  std::unique_ptr<storage::SnapshotSink> sink_;
  std::optional<consensus::Ready> ready_;
  bool is_switched_ = false;
  Lifetime lifetime_;
};

}  // namespace torc::node
