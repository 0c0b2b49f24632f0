#include "sim/world.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "storage/log.h"
#include "storage/reserve.h"

namespace torc::sim {
namespace {

// As a supervisor does with a process that could not start.
constexpr Duration kRestartDelay = 500ms;

}  // namespace

World::Machine::Machine(NodeId node_id, EventQueue& queue, Prng random, const ClockOptions& clock_options,
                        std::function<void()> end_of_turn, std::function<void()> leave)
    : id(node_id),
      prng(random),
      process(queue, prng.fork(), std::move(end_of_turn), std::move(leave)),
      clock(queue, process, clock_options) {}

World::World(WorldOptions options, Prng prng, Trace& trace) : options_(std::move(options)), prng_(prng), trace_(trace) {
  network_ = std::make_unique<SimNetwork>(queue_, prng_.fork(), trace_, options_.network);
  for (size_t i = 0; i < options_.clocks.size(); ++i) ids_.push_back(NodeId(i + 1));
  for (const NodeId id : ids_) {
    machines_.push_back(std::make_unique<Machine>(
        id, queue_, prng_.fork(), options_.clocks[id.value - 1], [this, id] { end_turn(id); },
        [this, id] { leave(id); }));
    Machine& added = *machines_.back();
    if (!options_.slowness.empty()) added.slowness = options_.slowness[id.value - 1];
    added.process.set_slowness(added.slowness);
    added.port = &network_->add(id, added.process);
    give_empty_directory(added);
    trace_.show(id, "down");
  }
}

World::~World() {
  for (const auto& machine : machines_) machine->node.reset();
}

World::Machine& World::machine(NodeId id) {
  CHECK(id && id.value <= machines_.size()) << "no machine " << id;
  return *machines_[id.value - 1];
}

void World::give_empty_directory(Machine& machine) {
  DiskOptions disk = options_.disk;
  disk.seed = machine.prng.next();
  // The scheduler is asked anew for each operation, so that it belongs to the life that submitted it.
  const auto scheduler = [&machine](Duration delay, std::function<void()> work) {
    machine.process.schedule(Source::kDisk)(delay + machine.disk_extra_delay, std::move(work));
  };
  machine.wrapped_disk.reset();
  machine.checkpoints = std::make_unique<CheckpointStore>(machine.prng.next(), scheduler, &machine.process);
  machine.disk = std::make_unique<Disk>(disk, scheduler, &machine.process);
}

void World::start(NodeId id) {
  Machine& started = machine(id);
  CHECK(!started.process.is_alive());
  started.process.start();
  if (options_.is_upgrading) upgrade(started);
  trace_.show(id, "starting");
  trace_.note(queue_.now(), id, TraceKind::kStart, started.process.life(), [&] {
    return "life " + std::to_string(started.process.life()) + " of " + std::string(to_string(started.dialect));
  });
  node::NodeOptions options = options_.node;
  options.id = id;
  options.initial_cluster = ids_;
  options.client_address = "n" + std::to_string(id.value) + ":7000";
  options.seed = started.prng.next();
  options.session_seed = Prng(options.seed ^ 0x5e).next();
  options.may_found_cluster = !started.has_set_aside;
  options.tell = [this, id](const Notice& notice) {
    trace_.note(queue_.now(), id, TraceKind::kNotice, hash_bytes(notice.text), [&] { return notice.text; });
    if (options_.tell) options_.tell(id, notice);
  };
  options.on_fatal = [this, id](const Error& error) { on_fatal(id, error); };
  env::Disk* disk = started.disk.get();
  if (options_.wrap_disk) {
    started.wrapped_disk = options_.wrap_disk(*disk, started.process.schedule(Source::kDisk));
    disk = started.wrapped_disk.get();
  }
  const bool keeps_space = keeps_space_for_start(started);
  auto opened = options_.open_node(std::move(options), started.clock, *disk, *started.port, *started.checkpoints);
  if (opened.ok()) {
    started.node = std::move(*opened);
    started.status = {};
    started.seen = {};
    note_applied(started);
    // It listens once it has read what it holds.
    return at_end_of_turn(id, [this, id] { network_->on_start(id); });
  }
  const ErrorCode code = opened.error().code;
  if (code == ErrorCode::kCorrupt && started.is_damaged) {
    ++refusals_;
    stand_still(started, "sets its damaged data aside: " + opened.error().message);
    set_aside(started);
    return start_again_later(started);
  }
  if ((code == ErrorCode::kDiskFull && !keeps_space) || (code == ErrorCode::kIo && started.is_sync_failing)) {
    started.is_sync_failing = false;
    stand_still(started, "exits: " + opened.error().message);
    return start_again_later(started);
  }
  fail(FailureKind::kSafety,
       "node " + std::to_string(id.value) + " cannot start from what its own crash left: " + opened.error().message);
}

/// A start writes the log's last segment anew, and some small files. A crash that undid the removal of the reserve may
/// have left more on the disk than there is room for.
bool World::keeps_space_for_start(const Machine& machine) const {
  constexpr uint64_t kSmallFilesBytes = 8u << 10;
  const uint64_t reserve_bytes = options_.node.log.reserve_bytes;
  if (reserve_bytes == 0 || machine.disk->is_overfull()) return false;
  uint64_t kept = 0;
  uint64_t longest = 0;
  for (const auto& [name, contents] : machine.disk->copy()) {
    uint64_t& bytes = name == storage::kReserveName ? kept : longest;
    bytes = std::max<uint64_t>(bytes, contents.size());
  }
  return kept >= reserve_bytes && longest + kSmallFilesBytes <= reserve_bytes;
}

/// Some nodes are upgraded at a restart, the others are not yet; nobody goes back.
void World::upgrade(Machine& machine) {
  if (machine.process.life() == 1) {
    machine.dialect = machine.prng.chance(2, 3) ? Dialect::kPrevious : Dialect::kThis;
  } else if (machine.prng.chance(1, 3)) {
    machine.dialect = machine.dialect == Dialect::kPrevious ? Dialect::kThis : Dialect::kNext;
  }
  network_->set_dialect(machine.id, machine.dialect);
}

/// The process ended before it had a node.
void World::stand_still(Machine& machine, std::string_view why) {
  trace_.show(machine.id, "down");
  trace_.note(queue_.now(), machine.id, TraceKind::kCrash, machine.process.life(), [&] { return std::string(why); });
  machine.process.kill();
  machine.clock.forget_timers();
  machine.wrapped_disk.reset();
  machine.disk->kill(machine.prng);
  machine.checkpoints->crash(machine.prng);
}

/// As the server does with data that it can no longer trust.
void World::set_aside(Machine& machine) {
  machine.has_set_aside = true;
  machine.is_damaged = false;
  give_empty_directory(machine);
}

void World::start_again_later(Machine& machine) {
  queue_.schedule(kRestartDelay, [this, &machine, life = machine.process.life()] {
    if (!machine.process.is_alive() && machine.process.life() == life) start(machine.id);
  });
}

void World::on_fatal(NodeId id, const Error& error) {
  Machine& stopped = machine(id);
  // Before it is born a node may exit when it cannot write down whom it met; a member goes on reading
  // (rules.md#full-and-failing-disks).
  const bool is_born = stopped.node != nullptr && !stopped.node->status().groups.empty();
  const bool is_rightly = (error.code == ErrorCode::kDiskFull && !is_born) ||
                          (error.code == ErrorCode::kIo && stopped.is_sync_failing) ||
                          (error.code == ErrorCode::kCorrupt && stopped.is_damaged);
  if (!is_rightly) {
    return fail(FailureKind::kSafety, "node " + std::to_string(id.value) + " stopped itself: " + error.message);
  }
  if (error.code == ErrorCode::kIo) stopped.is_sync_failing = false;
  if (error.code == ErrorCode::kCorrupt) ++refusals_;
  queue_.schedule(Duration(0), [this, id, gives_up = error.code == ErrorCode::kCorrupt, life = stopped.process.life()] {
    if (!is_alive(id) || machine(id).process.life() != life) return;
    kill(id, Death::kKill);
    if (gives_up) set_aside(machine(id));
    start_again_later(machine(id));
  });
}

void World::kill(NodeId id, Death death) {
  Machine& killed = machine(id);
  if (!killed.process.is_alive()) return;
  trace_.show(id, "down");
  trace_.note(queue_.now(), id, TraceKind::kCrash, killed.process.life(),
              [&] { return std::string(death == Death::kKill ? "kill -9" : "power loss"); });
  killed.is_sync_failing = false;
  killed.process.kill();
  killed.at_end_of_turn.clear();
  killed.node.reset();
  killed.clock.forget_timers();
  killed.wrapped_disk.reset();
  if (death == Death::kKill) {
    killed.disk->kill(killed.prng);
  } else {
    killed.disk->crash(killed.prng);
  }
  killed.checkpoints->crash(killed.prng);
  network_->on_death(id);
  if (after_death_) after_death_(id);
}

void World::pause(NodeId id) {
  Machine& paused = machine(id);
  if (!paused.process.is_alive() || paused.process.is_paused()) return;
  trace_.show(id, "stopped");
  trace_.note(queue_.now(), id, TraceKind::kPause, 0, [] { return std::string("SIGSTOP"); });
  paused.paused_since = queue_.now();
  paused.process.pause();
}

void World::resume(NodeId id) {
  Machine& resumed = machine(id);
  if (!resumed.process.is_paused()) return;
  trace_.show(id, "continues");
  trace_.note(queue_.now(), id, TraceKind::kResume, 0, [] { return std::string("SIGCONT"); });
  resumed.clock.was_suspended(queue_.now() - resumed.paused_since);
  resumed.process.resume();
}

void World::wipe(NodeId id) {
  Machine& wiped = machine(id);
  CHECK(!wiped.process.is_alive());
  trace_.note(queue_.now(), id, TraceKind::kWipe, 0, [] { return std::string("data directory lost"); });
  wiped.is_damaged = wiped.has_set_aside = false;
  give_empty_directory(wiped);
}

bool World::delete_replica(NodeId id, GroupId group) {
  Machine& robbed = machine(id);
  CHECK(!robbed.process.is_alive());
  Disk disk(options_.disk);  // of its own time: everything completes at once
  disk.put_back(robbed.disk->copy());
  {
    auto log = storage::Log::open(disk, robbed.clock, options_.node.log);
    if (!log.ok() || !(*log)->recovered().contains(group)) return false;
    bool is_durable = false;
    (*log)->remove(group);
    (*log)->flush([&is_durable](const Status& status) { is_durable = status.ok(); });
    disk.run_all();
    if (!is_durable) return false;
  }
  robbed.disk->put_back(disk.copy());
  trace_.note(queue_.now(), id, TraceKind::kWipe, group.value,
              [&] { return "its replica of group " + std::to_string(group.value) + " is deleted"; });
  return true;
}

void World::copy_directory(NodeId id) {
  Machine& copied = machine(id);
  copied.copy.reset();
  if (copied.node == nullptr) return;
  const node::NodeStatus status = copied.node->status();
  copied.copy = {copied.disk->copy(), copied.checkpoints->copy(), status.incarnation, status.chapter};
}

bool World::is_copy_outdated(NodeId id) const {
  const std::optional<Machine::Copy>& copy = machine(id).copy;
  const auto knows_better = [&](NodeId other) {
    if (other == id) return true;
    if (machine(other).node == nullptr) return false;
    for (const node::PeerStatus& peer : machine(other).node->status().peers) {
      if (peer.node == id) return peer.chapter.life == copy->life && peer.chapter.number > copy->chapter;
    }
    return false;
  };
  return copy && std::ranges::all_of(ids_, knows_better);
}

void World::put_copy_back(NodeId id) {
  Machine& restored = machine(id);
  CHECK(!restored.process.is_alive() && restored.copy);
  trace_.note(queue_.now(), id, TraceKind::kWipe, restored.copy->chapter, [&] {
    return "an old copy of its directory, of chapter " + std::to_string(restored.copy->chapter) + ", is put back";
  });
  restored.disk->put_back(restored.copy->files);
  restored.checkpoints->put_back(restored.copy->checkpoints);
  restored.is_damaged = true;
  restored.copy.reset();
}

void World::jump_wall_clock(NodeId id, Duration by) {
  trace_.note(queue_.now(), id, TraceKind::kClock, static_cast<uint64_t>(by.count()),
              [&] { return "wall clock jumps by " + std::to_string(by.count() / 1'000'000) + " ms"; });
  machine(id).clock.jump_wall(by);
}

void World::fill_disk(NodeId id, uint64_t bytes_left) {
  trace_.note(queue_.now(), id, TraceKind::kDisk, bytes_left,
              [&] { return "full but for " + std::to_string(bytes_left) + " bytes"; });
  machine(id).disk->set_capacity_bytes(machine(id).disk->bytes_used() + bytes_left);
  machine(id).checkpoints->set_full(true);
}

void World::give_disk_space(NodeId id) {
  machine(id).disk->set_capacity_bytes(options_.disk.capacity_bytes);
  machine(id).checkpoints->set_full(false);
}

void World::slow_cpu(NodeId id, uint32_t times) {
  if (machine(id).slowness == 0) return;
  trace_.note(queue_.now(), id, TraceKind::kPause, times,
              [&] { return "its CPU works at a " + std::to_string(times) + "th of its speed"; });
  machine(id).process.set_slowness(machine(id).slowness * times);
}

void World::fail_next_sync(NodeId id) {
  if (!is_alive(id)) return;
  trace_.note(queue_.now(), id, TraceKind::kDisk, 0, [] { return std::string("the next sync fails"); });
  machine(id).is_sync_failing = true;
  machine(id).disk->fail_next_sync(true);
}

bool World::damage_log(NodeId id, Damage damage) {
  Machine& damaged = machine(id);
  const std::string what = damaged.disk->damage(damage, damaged.prng);
  if (what.empty()) return false;
  trace_.note(queue_.now(), id, TraceKind::kDisk, hash_bytes(what), [&] { return what; });
  damaged.is_damaged = true;
  return true;
}

bool World::damage_checkpoints(NodeId id) {
  Machine& damaged = machine(id);
  const std::string what = damaged.checkpoints->damage(damaged.prng);
  if (what.empty()) return false;
  trace_.note(queue_.now(), id, TraceKind::kDisk, hash_bytes(what), [&] { return what; });
  damaged.is_damaged = true;
  return true;
}

void World::post_from_client(NodeId id, std::function<void()> work, size_t bytes) {
  machine(id).process.post(Source::kClient, std::move(work), bytes);
}

void World::at_end_of_turn(NodeId id, std::function<void()> work) {
  machine(id).at_end_of_turn.push_back(std::move(work));
}

void World::end_turn(NodeId id) {
  Machine& ending = machine(id);
  if (ending.node == nullptr) return;
  ending.node->end_turn();
  note_applied(ending);
  if (after_turn_) after_turn_(id);
}

/// What was applied since the last turn cost time, too; what it cost shows in the node's own figures only.
void World::note_applied(Machine& machine) {
  machine.node->look(machine.status);
  machine.seen.resize(machine.status.groups.size());
  for (size_t i = 0; i < machine.seen.size(); ++i) {
    const node::GroupStatus& group = machine.status.groups[i];
    Machine::Seen& seen = machine.seen[i];
    // A snapshot that was installed counts as growth.
    if (seen.applied_bytes != group.applied_bytes) {
      machine.process.work(Work::kApply, group.operations - seen.operations, group.applied_bytes - seen.applied_bytes);
    }
    const auto growth = static_cast<int64_t>(group.state_bytes - seen.state_bytes);
    machine.process.work(Work::kGrowth, 0, static_cast<uint64_t>(std::abs(growth)));
    seen = {group.operations, group.applied_bytes, group.state_bytes};
  }
}

void World::leave(NodeId id) {
  Machine& leaving = machine(id);
  network_->flush(id);
  const auto replies = std::move(leaving.at_end_of_turn);
  leaving.at_end_of_turn.clear();
  for (const auto& reply : replies) reply();
}

void World::run_until(Instant end) {
  while (!failure_ && queue_.next_time() <= end) queue_.run_next();
  if (!failure_) queue_.run_until(end);
}

void World::fail(FailureKind kind, std::string message) {
  if (failure_) return;
  trace_.note(queue_.now(), NodeId(), TraceKind::kViolation, hash_bytes(message), [&] { return message; });
  failure_ = Failure{kind, std::move(message)};
}

}  // namespace torc::sim
