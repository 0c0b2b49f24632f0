#include "explore/world.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "base/codec.h"
#include "consensus/describe.h"
#include "explore/safety.h"

namespace torc::explore {
namespace {

using consensus::Role;

bool is_within_bounds(const Actor& actor, const Config& config) {
  return actor.status.term.value <= config.terms_max && actor.log.size() <= kLogMax;
}

void add_lines(World& world, const std::vector<uint32_t>& sent) {
  for (const uint32_t line : sent) {
    const auto at = std::lower_bound(world.lines.begin(), world.lines.end(), line);
    if (at == world.lines.end() || *at != line) world.lines.insert(at, line);
  }
}

// True if the receiver will ignore this message now and for ever, whatever happens to it: what it needs to be
// interested again would be a role in a term that is over for it, crashes included, because a term on its disk never
// falls. Of an old request only the answer matters, which tells its sender of a higher term: no news to who is in the
// last one.
bool is_dead(const Line& line, const World& world, const Cast& cast) {
  const Actor& to = cast.actor(world.actors[line.to]);
  if (line.kind == LineKind::kOther || to.durable_term < line.term) return false;
  if (to.durable_term > line.term) {
    const Term known = cast.actor(world.actors[line.from]).durable_term;
    return line.kind != LineKind::kRequest || known.value >= cast.config().terms_max;
  }
  const bool is_current = to.status.term == line.term;
  switch (line.kind) {
    case LineKind::kOther:
    case LineKind::kRequest:
    case LineKind::kOrder:
      return false;
    case LineKind::kVoteRefused:  // tells no higher term, and nobody counts refusals
      return true;
    case LineKind::kVoteGranted:  // it will not be a candidate of this term again
      return !is_current || to.status.role != Role::kCandidate;
    case LineKind::kFollowed:  // it led this term and never will again
      return world.past.leaders[line.term.value] == line.to + 1 && (!is_current || to.status.role != Role::kLeader);
  }
  return false;
}

void forget_dead_lines(World& world, const Cast& cast) {
  std::erase_if(world.lines, [&](uint32_t number) { return is_dead(cast.line(number), world, cast); });
}

bool is_disk_slow(const World& world, const Config& config) {
  return config.is_disk_slow || world.past.crashes < config.crashes_max;
}

std::string take_step(World& world, uint8_t position, Input input, Cast& cast) {
  const Step& step = cast.step(world.actors[position], input);
  world.actors[position] = step.actor;
  add_lines(world, step.sent);
  return observe(world, position, step, cast);
}

void finish_writes(Outcome& outcome, Cast& cast) {
  World& world = outcome.world;
  for (uint64_t i = 0; i < cast.config().replicas; ++i) {
    while (outcome.violation.empty() && cast.actor(world.actors[i]).has_pending) {
      outcome.violation = take_step(world, static_cast<uint8_t>(i), {InputKind::kSync, 0}, cast);
    }
  }
}

Outcome pass_time(const World& world, Cast& cast) {
  Outcome outcome{world, {}};
  ++outcome.world.past.time;
  for (uint64_t i = 0; i < cast.config().replicas && outcome.violation.empty(); ++i) {
    outcome.violation = take_step(outcome.world, static_cast<uint8_t>(i), {InputKind::kTime, 0}, cast);
  }
  return outcome;
}

// Replica 1 times out, and everything is delivered, once, and synced at once until nothing is left to deliver.
World elected_world(World world, Cast& cast) {
  std::optional<Outcome> outcome;
  while (!(outcome = act(world, {0, {InputKind::kTick, 0}}, cast))) world = pass_time(world, cast).world;
  std::set<uint32_t> delivered;
  std::vector<Action> actions;
  while (outcome) {
    CHECK(outcome->violation.empty()) << outcome->violation;
    world = std::move(outcome->world);
    outcome.reset();
    actions_of(world, cast, actions);
    for (const Action action : actions) {
      const bool is_new = action.input.kind == InputKind::kReceive && delivered.insert(action.input.argument).second;
      if (is_new || action.input.kind == InputKind::kSync) outcome = act(world, action, cast);
      if (outcome) break;
    }
  }
  world.lines.clear();
  world.past.time = 0;
  return world;
}

void describe(const Line& line, std::ostream& out) {
  if (!line.snapshot) {
    out << "deliver " << consensus::describe(line.message);
    return;
  }
  const consensus::SnapshotHead& head = line.snapshot->head;
  out << "deliver " << head.from.node << "->" << line.snapshot->to.node << " snapshot term=" << head.sender_term
      << " of " << head.index << "/" << head.term;
}

}  // namespace

World first_world(Cast& cast) {
  const Config& config = cast.config();
  World world;
  for (uint64_t i = 0; i < config.replicas; ++i) {
    const auto position = static_cast<uint8_t>(i);
    world.actors[i] = cast.start(position, config.disks.empty() ? Disk{} : config.disks[i]);
  }
  return config.starts_elected ? elected_world(std::move(world), cast) : world;
}

void actions_of(const World& world, const Cast& cast, std::vector<Action>& out) {
  const Config& config = cast.config();
  out.clear();
  if (world.past.time < config.time_max) out.push_back({0, {InputKind::kTime, 0}});
  for (const uint32_t line : world.lines) out.push_back({cast.line(line).to, {InputKind::kReceive, line}});
  for (uint64_t i = 0; i < config.replicas; ++i) {
    const auto position = static_cast<uint8_t>(i);
    const Actor& actor = cast.actor(world.actors[i]);
    const bool is_leader = actor.status.role == Role::kLeader;
    if (actor.has_pending) out.push_back({position, {InputKind::kSync, 0}});
    if (is_leader ? config.heartbeats || config.time_max > 0 : actor.status.term.value < config.terms_max) {
      out.push_back({position, {InputKind::kTick, 0}});
    }
    if (is_leader && world.past.proposals < config.proposals_max) {
      out.push_back({position, {InputKind::kPropose, world.past.proposals}});
    }
    if (is_leader && world.past.changes < config.changes.size()) {
      out.push_back({position, {InputKind::kChange, world.past.changes}});
    }
    if (is_leader && world.past.transfers < config.transfers_max) {
      for (uint32_t target = 0; target < config.replicas; ++target) {
        out.push_back({position, {InputKind::kTransfer, target}});
      }
    }
    if (actor.status.commit > LogIndex(0) && world.past.cuts < config.cuts_max) {
      out.push_back({position, {InputKind::kCut, 0}});
    }
    if (actor.has_snapshot_to_send) out.push_back({position, {InputKind::kSnapshot, 0}});
    if (is_leader && world.past.reads < config.reads_max) {
      out.push_back({position, {InputKind::kRead, world.past.reads}});
    }
    if (world.past.crashes < config.crashes_max) {
      for (uint32_t kept = 0; kept <= actor.records_pending; ++kept) {
        out.push_back({position, {InputKind::kCrash, kept}});
      }
    }
  }
}

std::optional<Outcome> act(const World& world, Action action, Cast& cast) {
  if (action.input.kind == InputKind::kTime) return pass_time(world, cast);
  const uint32_t before = world.actors[action.position];
  const Step& step = cast.step(before, action.input);
  const bool says_something = std::any_of(step.sent.begin(), step.sent.end(), [&](uint32_t line) {
    return !std::binary_search(world.lines.begin(), world.lines.end(), line);
  });
  if (step.actor == before && !says_something && step.reads.empty() && step.wrong.empty()) return std::nullopt;
  Outcome outcome{world, {}};
  World& after = outcome.world;
  if (action.input.kind == InputKind::kPropose) ++after.past.proposals;
  if (action.input.kind == InputKind::kCrash) ++after.past.crashes;
  if (action.input.kind == InputKind::kChange) ++after.past.changes;
  if (action.input.kind == InputKind::kTransfer) ++after.past.transfers;
  if (action.input.kind == InputKind::kCut) ++after.past.cuts;
  if (action.input.kind == InputKind::kRead) {
    after.past.read_floors[after.past.reads++] = after.past.committed_count;
  }
  outcome.violation = take_step(after, action.position, action.input, cast);
  if (!is_disk_slow(after, cast.config())) finish_writes(outcome, cast);
  for (uint64_t i = 0; i < cast.config().replicas; ++i) {
    if (!is_within_bounds(cast.actor(after.actors[i]), cast.config())) return std::nullopt;
  }
  if (cast.config().plant == Plant::kNone && cast.config().forgets_dead_mail) forget_dead_lines(after, cast);
  const bool is_same_past = action.input.kind == InputKind::kReceive || action.input.kind == InputKind::kTick ||
                            action.input.kind == InputKind::kSync || action.input.kind == InputKind::kSnapshot;
  if (is_same_past && outcome.violation.empty() && after.actors == world.actors && after.lines == world.lines) {
    return std::nullopt;  // all it sent was dead on arrival
  }
  return outcome;
}

Fingerprint fingerprint_of(const World& world, const Cast& cast, bool with_network) {
  const uint64_t replicas = cast.config().replicas;
  const Past& past = world.past;
  Fingerprint least{UINT64_MAX, UINT64_MAX};
  std::string bytes;
  for (size_t p = 0; p < cast.names().size(); ++p) {
    const std::vector<uint8_t>& names = cast.names()[p];
    // Sums, because every state and every message says whose it is.
    Fingerprint actors;
    Fingerprint lines;
    for (uint64_t r = 0; r < replicas; ++r) actors += cast.actor(world.actors[r]).fingerprints[p];
    for (const uint32_t line : with_network ? world.lines : std::vector<uint32_t>())
      lines += cast.line(line).fingerprints[p];
    bytes.clear();
    for (const Fingerprint& sum : {actors, lines}) {
      put_u64(bytes, sum.low);
      put_u64(bytes, sum.high);
    }
    for (const uint8_t leader : past.leaders) put_u8(bytes, names[leader]);
    for (size_t i = 0; i < past.committed_count; ++i) {
      put_u32(bytes, past.committed[i]);
      put_u8(bytes, past.committed_in[i]);
    }
    put_u8(bytes, past.proposals);
    for (const uint8_t count : {past.crashes, past.changes, past.transfers, past.cuts, past.time}) put_u8(bytes, count);
    for (size_t i = 0; i < past.reads; ++i) put_u8(bytes, past.read_floors[i]);
    least = std::min(least, fingerprint(bytes));
  }
  return least;
}

std::string describe(const Action& action, const World& after, Cast& cast) {
  std::ostringstream out;
  const int replica = action.position + 1;
  switch (action.input.kind) {
    case InputKind::kReceive:
      describe(cast.line(action.input.argument), out);
      break;
    case InputKind::kTick:
      out << "timeout of " << replica;
      break;
    case InputKind::kSync:
      out << "disk of " << replica << " finishes a write";
      break;
    case InputKind::kCrash:
      out << "crash of " << replica << ", " << action.input.argument << " unsynced records survive; restart";
      break;
    case InputKind::kPropose:
      out << "proposal to " << replica;
      break;
    case InputKind::kRead:
      out << "read at " << replica;
      break;
    case InputKind::kChange:
      out << "membership change " << action.input.argument + 1 << " proposed to " << replica;
      break;
    case InputKind::kTransfer:
      out << replica << " is to hand over to " << action.input.argument + 1;
      break;
    case InputKind::kCut:
      out << replica << " cuts its log";
      break;
    case InputKind::kTime:
      out << "time passes";
      break;
    case InputKind::kSnapshot:
      out << replica << " sends a snapshot";
      break;
  }
  const Actor& actor = cast.actor(after.actors[action.position]);
  out << "\n      => " << replica << ": " << consensus::describe(actor.status) << " durable=" << actor.durable.size()
      << " durable-term=" << actor.durable_term << " log=[";
  for (const uint32_t entry : actor.log) out << (entry == actor.log.front() ? "" : " ") << cast.term_of(entry);
  out << "]";
  return out.str();
}

}  // namespace torc::explore
