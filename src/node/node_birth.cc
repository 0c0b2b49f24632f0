// How a node comes to hold its replica: from its directory, by being born with the others, or by being taken back.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/prng.h"
#include "node/log_keeper.h"
#include "node/node.h"
#include "storage/reserve.h"

namespace torc::node {
namespace {

constexpr Duration kGreetingInterval = 200ms;

}  // namespace

Result<std::unique_ptr<Node>> Node::open_once(NodeOptions options, env::Clock& clock, env::Disk& disk,
                                              env::Network& network, env::CheckpointStore& checkpoints) {
  Result<std::optional<Identity>> found = load_identity(disk);
  if (!found.ok()) return found.error();
  const Incarnation drawn(Prng(options.seed).next() | 1);  // of a first start
  options.log.salt = Prng(options.seed ^ 0x10).next();
  options.log.owner = (found->has_value() ? (*found)->incarnation : drawn).value;
  options.log.must_exist = found->has_value() && (*found)->is_born;
  options.log.copy_beyond_bytes = LogKeeper(options.checkpoint_log_bytes, options.log_tail_bytes).copy_beyond_bytes();
  auto log = storage::Log::open(disk, clock, options.log);
  const bool is_log_of_nobody = !log.ok() && log.error().code == ErrorCode::kCorrupt && !found->has_value();
  if (is_log_of_nobody || (log.ok() && !found->has_value() && !(*log)->recovered().empty())) {
    return Error{ErrorCode::kCorrupt, "the file 'identity' of the data directory is missing, but there is a log"};
  }
  if (!log.ok()) return log.error();

  auto chapters = Chapters::open(disk);
  if (!chapters.ok()) return chapters.error();

  Identity identity;
  if (found->has_value()) {
    identity = **found;
    if (identity.node != options.id || identity.listed != options.initial_cluster) {
      return Error{ErrorCode::kInvalid, "this data directory belongs to node " + std::to_string(identity.node.value) +
                                            " of another --id or --initial-cluster"};
    }
    if (identity.arcs != options.arcs) {
      return Error{ErrorCode::kInvalid, "this data directory belongs to a cluster of --arcs " +
                                            std::to_string(identity.arcs) + ", the node was started with --arcs " +
                                            std::to_string(options.arcs) + ": arcs are cut once, at the birth"};
    }
  } else {
    identity.node = options.id;
    identity.incarnation = drawn;
    identity.listed = options.initial_cluster;
    identity.arcs = options.arcs;
    const Status saved = save_identity(disk, identity);
    if (!saved.ok()) return saved.error();
  }
  std::unique_ptr<Node> node(new Node(std::move(options), std::move(identity), *std::move(chapters), *std::move(log),
                                      clock, disk, network, checkpoints));
  const Status started = node->start();
  if (!started.ok()) return started.error();
  return node;
}

Result<std::unique_ptr<Node>> Node::open(NodeOptions options, env::Clock& clock, env::Disk& disk, env::Network& network,
                                         env::CheckpointStore& checkpoints) {
  std::ranges::sort(options.initial_cluster);
  CHECK(is_arc_count(options.arcs)) << options.arcs;
  auto opened = open_once(options, clock, disk, network, checkpoints);
  const bool is_disk_full = !opened.ok() && opened.error().code == ErrorCode::kDiskFull;
  if (is_disk_full && storage::give_up_reserve(disk)) {  // to serve reads, and to vote
    opened = open_once(std::move(options), clock, disk, network, checkpoints);
  }
  return opened;
}

void Node::greet(NodeId peer) {
  wire::Meet meet = birth_.greeting();
  meet.client_address = options_.client_address;
  meet.cluster_address = options_.cluster_address;
  meet.chapters = known_chapters();
  meet.replicas = held_replicas();
  links_.send(peer, env::Channel::kControl, meet);
}

void Node::greet_everyone() {
  if (is_dead()) return;
  if (birth_.can_be_born()) take_part();
  for (const auto& [node, peer] : peers_) greet(node);
  if (!is_settled()) greet_timer_ = clock_.call_at(clock_.now() + kGreetingInterval, [this] { greet_everyone(); });
}

void Node::on_meet(NodeId from, const wire::Meet& meet) {
  if (meet.node != from) return;
  peers_[from].client_address = meet.client_address;
  peers_[from].cluster_address = meet.cluster_address;
  if (!note_chapters(meet)) return;
  // Not while somebody else is connected with the member whose place it would take.
  const bool is_peer = meet.is_born && meet.roster == birth_.identity().roster;
  if (is_peer && !admissions_.has_twin(from, clock_.now())) meet_newcomers(meet);
  const Membership before = birth_.membership();
  if (birth_.on_meet(meet)) {
    const Status saved = save_identity(disk_, birth_.identity());
    if (!saved.ok()) return on_fatal(saved.error());
    for (const auto& [node, peer] : peers_) greet(node);
  } else if (!meet.is_born && before == Membership::kMember) {
    greet(from);  // somebody still gathers what we know
  }
  if (birth_.can_be_born()) take_part();
}

void Node::meet_newcomers(const wire::Meet& meet) {
  for (uint32_t arc = 0; arc < groups_.size(); ++arc) {
    const consensus::ReplicaId replica{meet.node, meet.replicas.of(arc)};
    if (!replica.number || birth_.is_founder(replica)) continue;
    groups_[arc].group().on_newcomer(replica);
    groups_.attend(groups_[arc]);
  }
}

/// A replica of this node is not one that the cluster was born with.
bool Node::holds_newcomers() const { return birth_.is_returning() || replica_numbers_.has_later(); }

/// Greetings go on until then: somebody may still need ours, or we theirs.
bool Node::is_settled() const {
  return (birth_.membership() == Membership::kMember && !holds_newcomers()) || has_returned_;
}

Membership Node::membership() const {
  if (is_settled()) return Membership::kMember;
  return birth_.membership() == Membership::kMember ? Membership::kReturning : birth_.membership();
}

// The groups' first records are durable before the identity says "born", so that a directory whose log went missing
// later is told from a new one.
void Node::take_part() {
  if (std::exchange(is_being_born_, true)) return;
  replica_numbers_.begin_first();
  log_->flush([this](const Status& status) {
    if (is_dead()) return;
    if (!status.ok()) return on_fatal(status.error());
    birth_.born();
    const Status saved = save_identity(disk_, birth_.identity());
    if (!saved.ok()) return on_fatal(saved.error());
    for (const auto& [node, peer] : peers_) greet(node);
    const Status opened = open_groups();
    if (!opened.ok()) on_fatal(opened.error());
  });
}

/// At a start after the birth. A group that the log knows nothing of has lost its replica here: another one begins.
Status Node::hold_replicas() {
  if (replica_numbers_.are_all_known()) return open_groups();
  replica_numbers_.begin_later(Prng(options_.seed ^ 0x1d));
  log_->flush([this](const Status& status) {
    if (is_dead()) return;
    if (!status.ok()) return on_fatal(status.error());
    const Status opened = open_groups();
    if (!opened.ok()) return on_fatal(opened.error());
    for (const auto& [node, peer] : peers_) greet(node);
  });
  return {};
}

Status Node::open_groups() {
  consensus::Configuration birth;
  for (const LifeId life : birth_.identity().roster) birth.voters.push_back(first_replica_of(life));
  for (uint32_t arc = 0; arc < router_.arc_count(); ++arc) {
    const bool is_of_the_birth = birth.contains({options_.id, replica_numbers_.of(arc)});  // others are told by leaders
    const Status opened = open_group(arc, is_of_the_birth ? birth : consensus::Configuration());
    if (!opened.ok()) return opened;
  }
  limit_stamps();  // by what was heard of clocks before there were voters to count
  return {};
}

Status Node::open_group(uint32_t arc, const consensus::Configuration& birth) {
  const uint64_t seed = options_.seed ^ (arc * 0x9e3779b97f4a7c15);
  GroupOptions options;
  options.replica.group = group_of_arc(arc);
  options.replica.self = {options_.id, replica_numbers_.of(arc)};
  options.replica.seed = Prng(seed ^ 0xe1).next();
  options.replica.election_timeout_min = options_.election_timeout_min;
  options.replica.heartbeat_interval = options_.heartbeat_interval;
  options.command_timeout = options_.command_timeout;
  options.log_bytes_max = options_.checkpoint_log_bytes + options_.log_tail_bytes;
  options.segment_bytes = options_.log.segment_bytes;
  options.batch_bytes_max = options_.batch_bytes_max;
  options.unsynced_bytes_max = options_.unsynced_bytes_max;
  options.proposals_in_flight_max = options_.proposals_in_flight_max;
  options.memory_max = options_.memory_max;
  options.hash_seed = Prng(seed ^ 0x5e).next();
  options.arc = router_.arc(arc);
  HostedGroup::Options hosted;
  hosted.id = group_of_arc(arc);
  hosted.command_timeout = options_.command_timeout;
  hosted.seed = seed;
  if (router_.arc_count() > 1) hosted.name = router_.arc(arc).text();
  return groups_.open(hosted, options, birth, checkpoints_);
}

}  // namespace torc::node
