#include "explore/cast.h"

#include <algorithm>
#include <numeric>

#include "consensus/invariants.h"

namespace torc::explore {
namespace {

void classify(Line& line) {
  if (line.snapshot) return;
  const auto set = [&](LineKind kind, Term term) {
    line.kind = kind;
    line.term = term;
  };
  const consensus::MessageBody& body = line.message.body;
  if (const auto* v = std::get_if<consensus::VoteReply>(&body)) {
    set(v->granted ? LineKind::kVoteGranted : LineKind::kVoteRefused, v->term);
  } else if (const auto* a = std::get_if<consensus::AppendReply>(&body)) {
    set(LineKind::kFollowed, a->term);
  } else if (const auto* h = std::get_if<consensus::HeartbeatReply>(&body)) {
    set(LineKind::kFollowed, h->term);
  } else if (const auto* e = std::get_if<consensus::AppendRequest>(&body)) {
    set(LineKind::kRequest, e->term);
  } else if (const auto* t = std::get_if<consensus::TimeoutNow>(&body)) {
    set(LineKind::kOrder, t->term);
  }
}

uint8_t bits_of(const std::vector<ReplicaId>& ids) {
  uint8_t bits = 0;
  for (const ReplicaId id : ids) bits |= static_cast<uint8_t>(1u << (id.node.value - 1));
  return bits;
}

VoterSets sets_of(const consensus::Configuration& configuration) {
  return {bits_of(configuration.voters), bits_of(configuration.outgoing)};
}

bool keeps(const std::vector<uint8_t>& names, const std::vector<ReplicaId>& ids) {
  return std::all_of(ids.begin(), ids.end(),
                     [&](ReplicaId id) { return (bits_of(ids) & 1u << (names[id.node.value] - 1u)) != 0; });
}

bool keeps(const std::vector<uint8_t>& names, const Config& config) {
  const consensus::Configuration birth = birth_of(config);
  return keeps(names, birth.voters) && keeps(names, birth.learners) &&
         std::all_of(config.changes.begin(), config.changes.end(), [&](const ConfigurationChange& change) {
           return keeps(names, change.add_learners) && keeps(names, change.promote) && keeps(names, change.remove);
         });
}

}  // namespace

Names names_of(const Config& config) {
  std::vector<uint8_t> names(config.replicas + 1);
  std::iota(names.begin(), names.end(), uint8_t{0});
  Names all{names};
  // A world that starts with its replicas told apart has no such symmetry.
  if (!config.is_symmetric || config.starts_elected || !config.disks.empty()) return all;
  while (std::next_permutation(names.begin() + 1, names.end())) {
    if (keeps(names, config)) all.push_back(names);
  }
  return all;
}

Cast::Cast(const Config& config) : config_(config), names_(names_of(config)), birth_(sets_of(birth_of(config))) {}

uint32_t Cast::start(uint8_t position, const Disk& disk, uint64_t time) {
  const auto driver = std::make_unique<Driver>(config_, member(position), disk, time);
  const auto known = actor_numbers_.find(identity_of(*driver));
  if (known != actor_numbers_.end()) return known->second;
  disks_.push_back(disk);
  return number_of_actor(*driver, position, UINT32_MAX, {}, static_cast<uint32_t>(disks_.size() - 1),
                         static_cast<uint32_t>(time));
}

const Step& Cast::step(uint32_t actor, Input input) {
  const uint64_t key = uint64_t{actor} << 32 | input.packed();
  if (const auto known = step_numbers_.find(key); known != step_numbers_.end()) return steps_[known->second];
  Step step = compute(actor, input);
  step_numbers_[key] = static_cast<uint32_t>(steps_.size());
  steps_.push_back(std::move(step));
  return steps_.back();
}

Step Cast::compute(uint32_t actor, Input input) {
  Step step;
  const std::unique_ptr<Driver> driver = replay(actor);
  if (input.kind == InputKind::kCrash) {
    step.actor = start(actors_[actor].position, driver->disk_after_crash(input.argument), driver->time());
    return step;
  }
  Effects effects = apply(*driver, input);
  step.sent = numbers_of_lines(effects);
  step.reads = std::move(effects.reads);
  step.wrong = std::move(effects.wrong);
  step.actor = number_of_actor(*driver, actors_[actor].position, actor, input, UINT32_MAX, 0);
  // Two histories of one state have to go on alike, else the encoding leaves out something that matters.
  if (const std::unique_ptr<Driver> twin = replay_otherwise(actor)) {
    const Effects twins = apply(*twin, input);
    CHECK(numbers_of_lines(twins) == step.sent && identity_of(*twin) == identity_of(*driver))
        << "consensus/state_encoding.cc leaves out something that matters, see actor " << actor;
    ++comparisons_;
  }
  return step;
}

std::unique_ptr<Driver> Cast::replay(uint32_t number) const {
  std::vector<Input> inputs;
  for (; actors_[number].parent != UINT32_MAX; number = actors_[number].parent) {
    inputs.push_back(actors_[number].input);
  }
  const Actor& first = actors_[number];
  auto driver = std::make_unique<Driver>(config_, member(first.position), disks_[first.disk], first.time);
  for (auto input = inputs.rbegin(); input != inputs.rend(); ++input) apply(*driver, *input);
  return driver;
}

std::unique_ptr<Driver> Cast::replay_otherwise(uint32_t number) const {
  const auto other = other_origins_.find(number);
  if (other == other_origins_.end()) return nullptr;
  std::unique_ptr<Driver> driver = replay(other->second.parent);
  apply(*driver, other->second.input);
  return driver;
}

Effects Cast::apply(Driver& driver, Input input) const {
  switch (input.kind) {
    case InputKind::kReceive:
      if (const auto& snapshot = lines_[input.argument].snapshot) return driver.receive(*snapshot);
      return driver.receive(lines_[input.argument].message);
    case InputKind::kTick:
      return driver.tick();
    case InputKind::kSync:
      return driver.sync();
    case InputKind::kPropose:
      return driver.propose(std::string(1, static_cast<char>('a' + input.argument)));
    case InputKind::kRead:
      return driver.read(input.argument);
    case InputKind::kChange:
      return driver.change(config_.changes[input.argument]);
    case InputKind::kTransfer:
      return driver.transfer(member(input.argument));
    case InputKind::kCut:
      return driver.cut();
    case InputKind::kSnapshot:
      return driver.send_snapshot();
    case InputKind::kTime:
      return driver.pass_time();
    case InputKind::kCrash:
      break;
  }
  CHECK(false) << "a crash is a new start";
  return {};
}

uint32_t Cast::number_of_actor(const Driver& driver, uint8_t position, uint32_t parent, Input input, uint32_t disk,
                               uint32_t time) {
  const auto number = static_cast<uint32_t>(actors_.size());
  const auto [known, is_new] = actor_numbers_.try_emplace(identity_of(driver), number);
  if (!is_new) {
    const Actor& before = actors_[known->second];
    const bool is_other = before.parent != parent || before.input != input;
    if (parent != UINT32_MAX && is_other) other_origins_.try_emplace(known->second, Origin{parent, input});
    return known->second;
  }
  Actor actor;
  actor.status = driver.status();
  actor.durable_term = driver.disk().hard_state.term;
  actor.acknowledged = driver.acknowledged();
  for (const Entry& entry : driver.written_log()) actor.log.push_back(number_of_entry(entry));
  for (const Entry& entry : driver.disk().entries) actor.durable.push_back(number_of_entry(entry));
  actor.records_pending = static_cast<uint32_t>(driver.records_pending());
  actor.has_pending = driver.readys_pending() > 0;
  actor.has_snapshot_to_send = driver.snapshots_pending() > 0;
  actor.wrong = violation_in(driver.replica());
  actor.fingerprints = fingerprints_of(driver);
  actor.position = position;
  actor.parent = parent;
  actor.input = input;
  actor.disk = disk;
  actor.time = time;
  actors_.push_back(std::move(actor));
  return number;
}

std::vector<uint32_t> Cast::numbers_of_lines(const Effects& effects) {
  std::vector<uint32_t> numbers;
  for (const Message& message : effects.sent) numbers.push_back(number_of_line({.message = message}));
  for (const Snapshot& snapshot : effects.snapshots) numbers.push_back(number_of_line({.snapshot = snapshot}));
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

uint32_t Cast::number_of_line(Line line) {
  for (const std::vector<uint8_t>& names : names_) {
    const consensus::StateEncodingOptions options{names};
    std::string text;
    consensus::StateWriter writer(options, text);
    line.snapshot ? encode_snapshot(*line.snapshot, writer) : encode_message(line.message, writer);
    line.fingerprints.push_back(fingerprint(text));
  }
  const auto number = static_cast<uint32_t>(lines_.size());
  const auto [known, is_new] = line_numbers_.try_emplace(line.fingerprints.front(), number);
  if (!is_new) return known->second;
  CHECK(number < 1u << 24) << "too many messages for an input's argument";
  line.from = static_cast<uint8_t>((line.snapshot ? line.snapshot->head.from : line.message.from).node.value - 1);
  line.to = static_cast<uint8_t>((line.snapshot ? line.snapshot->to : line.message.to).node.value - 1);
  classify(line);
  lines_.push_back(std::move(line));
  return number;
}

uint32_t Cast::number_of_entry(const Entry& entry) {
  const auto known = std::find(entries_.begin(), entries_.end(), entry);
  if (known != entries_.end()) return static_cast<uint32_t>(known - entries_.begin());
  entries_.push_back(entry);
  configurations_.emplace_back();
  if (entry.kind == consensus::EntryKind::kConfiguration) {
    configurations_.back() = sets_of(consensus::decode_configuration(entry.payload()).value());
  }
  return static_cast<uint32_t>(entries_.size() - 1);
}

std::vector<Fingerprint> Cast::fingerprints_of(const Driver& driver) const {
  std::vector<Fingerprint> all;
  for (const std::vector<uint8_t>& names : names_) {
    const consensus::StateEncodingOptions options{names, config_.time_max > 0, has_stamps(config_)};
    std::string text;
    consensus::StateWriter writer(options, text);
    driver.encode(writer);
    all.push_back(fingerprint(text));
  }
  return all;
}

Fingerprint Cast::identity_of(const Driver& driver) const {
  const consensus::StateEncodingOptions options{names_.front(), config_.time_max > 0, has_stamps(config_)};
  std::string text;
  consensus::StateWriter writer(options, text);
  driver.encode(writer);
  return fingerprint(text);
}

}  // namespace torc::explore
