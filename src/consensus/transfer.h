// Handing leadership to another voter (thesis 3.10).
#pragma once

#include "base/time.h"
#include "consensus/types.h"

namespace torc::consensus {

class Transfer {
 public:
  /// Leadership begins.
  void start() { *this = Transfer(); }
  /// Proposals are refused from now until `deadline`, so that the target can catch up.
  void begin(ReplicaId target, Instant deadline) {
    target_ = target;
    deadline_ = deadline;
    is_told_ = false;
  }
  bool is_active() const { return static_cast<bool>(target_); }
  ReplicaId target() const { return target_; }
  Instant deadline() const { return target_ ? deadline_ : Instant::never(); }
  /// TimeoutNow has not been sent to the target yet.
  bool must_tell() const { return target_ && !is_told_; }
  void told() { is_told_ = has_handed_over_ = true; }
  /// The target did not take over in time.
  void abort() { target_ = {}; }
  /// TimeoutNow was sent in this term, so there is no lease for the rest of it: the message, and the vote requests it
  /// causes, which voters grant without waiting out our lease, may be under way for any length of time.
  bool has_handed_over() const { return has_handed_over_; }

 private:
  friend struct StateEncoding;  // reads everything, for the model checker
  ReplicaId target_;
  Instant deadline_;
  bool is_told_ = false;
  bool has_handed_over_ = false;
};

}  // namespace torc::consensus
