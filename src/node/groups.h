// The groups of a node and the turn they share: who takes part in it, who is looked after by the clock, and one flush
// of the log for all.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/notice.h"
#include "node/checkpoint_queue.h"
#include "node/clients.h"
#include "node/deadlines.h"
#include "node/forward_budget.h"
#include "node/hosted_group.h"
#include "node/links.h"
#include "node/log_keeper.h"
#include "node/resting.h"
#include "node/router.h"

namespace torc::node {

/// A group takes part in a turn when something was said to it (wake). One that has nothing to do rests, and nobody
/// looks at it before its next deadline. The others are attended: maintained every few milliseconds.
///
///   groups.begin_turn(memory);                      // what came was said to the groups before
///   do { <commands that waited for another> groups.advance(); } while (groups.wants_to_advance());
///   groups.end_turn();                              // answers and messages are said, the log is handed to the disk
///   links.end_turn();                               // and all of it leaves
class Groups {
 public:
  struct Options {
    Duration election_timeout_min = 300ms;
    Duration heartbeat_interval = 60ms;
    uint64_t checkpoint_log_bytes = 256u << 20;  // of all groups together (node/checkpoint_queue.h, node/log_keeper.h)
    uint64_t log_tail_bytes = 64u << 20;
    NoticeSink tell;  // may be empty
    /// Called once when no group may go on.
    std::function<void(const Error&)> on_fatal;
  };
  /// Of what is maintained while something goes on: groups that do not rest, the log.
  static constexpr Duration kMaintainInterval = 10ms;

  /// Everything it is given outlives it.
  Groups(Options options, Links& links, Clients& clients, env::Clock& clock, storage::Log& log);
  ~Groups();
  Groups(const Groups&) = delete;

  /// Adds the group of the next arc. Errors: as Group::open().
  Status open(const HostedGroup::Options& hosted, const GroupOptions& options, const consensus::Configuration& birth,
              env::CheckpointStore& checkpoints);

  bool empty() const { return groups_.empty(); }
  size_t size() const { return groups_.size(); }
  HostedGroup& operator[](size_t arc) const { return *groups_[arc]; }
  auto begin() const { return groups_.begin(); }
  auto end() const { return groups_.end(); }
  /// Null if there is none.
  HostedGroup* find(GroupId group) const;
  bool leads_something() const;

  // ---- the turn ----
  /// Something is to be done for the group: it takes part in this turn. What is said to it before the end of the turn
  /// waits until then.
  void wake(HostedGroup& group);
  /// The end of the turn begins. `memory_outside`: what gathers on the node outside of all groups, in bytes.
  void begin_turn(uint64_t memory_outside);
  /// Every group that wants to takes in what came, and says what follows from it.
  void advance();
  bool wants_to_advance() const;
  /// False once some group has applied and answered as much as one may in a turn.
  bool has_work_left() const;
  void end_turn();
  /// Nothing is done any more.
  void stop() { is_stopped_ = true; }
  bool is_stopped() const { return is_stopped_; }

  // ---- by the clock ----
  /// Once per kMaintainInterval while wants_maintenance(), now and then else.
  void maintain();
  bool wants_maintenance() const;
  /// It is maintained until it can rest (again).
  void attend(HostedGroup& group);
  void attend_all();
  /// Those that are not attended, for Links::receive().
  Resting& resting() { return resting_; }

  // ---- said by a group ----
  /// It appended to the log: that is flushed, and Group::on_durable() said then.
  void flush_log_for(HostedGroup& group);
  void tell(const Notice& notice) const;
  void fail(const Error& error);

  /// What counts against the node's limit of memory, of all groups.
  uint64_t memory_used() const;
  uint64_t forwarded_count() const;
  uint64_t executed_for_others() const;
  void add_gauges(std::vector<Gauge>& gauges) const;

 private:
  static uint32_t place_of(const HostedGroup& group) {
    return static_cast<uint32_t>(group.id().value - group_of_arc(0).value);
  }
  void begin_turn_of(HostedGroup& group);
  void count_memory(HostedGroup& group);
  void flush_log();
  void on_groups_due();
  void arm_timer();
  bool is_disk_in_trouble() const;
  void begin_checkpoints();
  void keep_log_short();

  const Options options_;
  Links& links_;
  Clients& clients_;
  env::Clock& clock_;
  storage::Log& log_;
  ForwardBudget forwards_;                            // of all groups
  std::vector<std::unique_ptr<HostedGroup>> groups_;  // by arc
  std::vector<HostedGroup*> awake_;                   // take part in this turn
  std::vector<HostedGroup*> appended_;                // of these, whose appends are not handed to the log yet
  std::vector<HostedGroup*> attended_;                // the others rest
  Resting resting_;                                   // these
  Deadlines deadlines_;                               // of all, by arc
  std::vector<consensus::SentHeartbeat> beaten_;      // by one group; empty but for its room
  env::TimerId timer_ = 0;
  Instant timer_at_ = Instant::never();
  bool is_turn_ending_ = false;
  bool is_stopped_ = false;
  uint64_t memory_outside_ = 0;  // as of this turn
  uint64_t memory_of_groups_ = 0;
  CheckpointQueue checkpoint_queue_;
  LogKeeper keeper_;
  std::vector<HostedGroup*> asked_;  // by it, for a checkpoint
};

}  // namespace torc::node
