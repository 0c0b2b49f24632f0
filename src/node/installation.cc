#include "node/installation.h"

#include <utility>

#include "base/check.h"

namespace torc::node {
namespace {

constexpr Duration kSwitchRetryDelay = 500ms;

}  // namespace

Installation::Installation(GroupId group, storage::Log& log, env::Clock& clock,
                           std::function<void(const Error&)> on_fatal)
    : group_(group), log_(log), clock_(clock), on_fatal_(std::move(on_fatal)) {}

void Installation::expect(std::unique_ptr<storage::SnapshotSink> sink) {
  CHECK(!is_expected());
  sink_ = std::move(sink);
}

void Installation::begin(consensus::Ready ready) {
  CHECK(is_expected() && !is_under_way() && ready.install);
  if (ready.hard_state) log_.append_hard_state(group_, *std::exchange(ready.hard_state, std::nullopt));
  ready_ = std::move(ready);
  log_.flush(lifetime_.bind([this](const Status& status) {
    if (!status.ok()) return on_fatal_(status.error());
    switch_checkpoints();
  }));
}

void Installation::switch_checkpoints() {
  sink_->commit(lifetime_.bind([this](const Status& status) {
    if (status.ok()) {
      is_switched_ = true;
    } else if (status.error().code == ErrorCode::kDiskFull) {  // the switch itself needs little
      clock_.call_at(clock_.now() + kSwitchRetryDelay, lifetime_.bind([this] { switch_checkpoints(); }));
    } else {
      on_fatal_(status.error());
    }
  }));
}

Installation::Installed Installation::finish() {
  CHECK(is_switched());
  Installed installed{*std::exchange(ready_, std::nullopt), nullptr};
  const consensus::SnapshotHead& head = *installed.ready.install;
  log_.reset(group_, head.index, head.term);
  installed.state = sink_->take_state();
  sink_.reset();  // with it the store's writer
  is_switched_ = false;
  return installed;
}

}  // namespace torc::node
