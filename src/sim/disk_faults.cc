// What the nemesis does to disks, and to what is on them.
#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "sim/nemesis.h"

namespace torc::sim {
namespace {

constexpr Duration kCopyPatience = 500ms;  // between looks whether a copy may be put back

}  // namespace

bool Nemesis::cause_disk(Fault fault, Prng& prng) {
  const NodeId id = draw_node(prng);
  if (fault == Fault::kSlowDisk) {
    const bool hangs = prng.chance(1, 4);
    world_.slow_disk(
        id, hangs ? Duration(prng.between(2'000, 8'000) * 1'000'000) : Duration(prng.between(1'000'000, 300'000'000)));
    later(draw_length(prng), [this, id] { world_.slow_disk(id, 0ns); });
  } else if (fault == Fault::kFullDisk) {
    world_.fill_disk(id, prng.below(8192));
    later(draw_length(prng), [this, id] { world_.give_disk_space(id); });
  } else if (fault == Fault::kFailedSync) {
    world_.fail_next_sync(id);
    return world_.is_alive(id);
  } else if (fault == Fault::kOldCopy) {
    return keep_copy(id, draw_length(prng) * 4);
  } else if (fault == Fault::kWipe) {
    return lose_directories(prng);
  } else if (fault == Fault::kLoseReplica) {
    return lose_replicas(prng);
  } else {
    return damage(fault, prng);
  }
  return true;
}

/// Every group's voters are the replicas that the nodes hold now, and the group's leader knows that to be committed:
/// only then do those who are left when a minority loses its data hold everything, and reach the decisions that bring
/// the lost ones back.
bool Nemesis::is_whole() const {
  const auto is_led_by = [&](NodeId id, size_t at) {
    const node::Node* node = world_.is_paused(id) ? nullptr : world_.node(id);
    if (node == nullptr) return false;
    const node::NodeStatus status = node->status();
    if (at >= status.groups.size() || !status.groups[at].replica.has_lease) return false;
    const consensus::Replica* replica = node->replica_of(status.groups[at].group);
    if (replica == nullptr || !replica->is_configuration_settled()) return false;
    return std::ranges::all_of(replica->configuration().voters, [&](consensus::ReplicaId voter) {
      const node::Node* member = world_.node(voter.node);
      if (member == nullptr) return false;
      const node::NodeStatus of_member = member->status();
      return at < of_member.groups.size() && of_member.groups[at].self == voter;
    });
  };
  for (size_t at = 0; at < world_.groups(); ++at) {
    if (std::ranges::none_of(world_.nodes(), [&](NodeId id) { return is_led_by(id, at); })) return false;
  }
  return true;
}

std::vector<NodeId> Nemesis::draw_victims(Prng& prng, size_t count_max) {
  std::vector<NodeId> nodes = world_.nodes();
  std::rotate(nodes.begin(), nodes.begin() + static_cast<ptrdiff_t>(prng.below(nodes.size())), nodes.end());
  const size_t wanted = 1 + prng.below(count_max);
  if (!is_whole()) return {};
  std::set<NodeId> harmed;
  std::ranges::copy_if(nodes, std::inserter(harmed, harmed.end()), [&](NodeId id) { return world_.is_damaged(id); });
  std::vector<NodeId> victims;
  for (const NodeId id : nodes) {
    harmed.insert(id);
    if (victims.size() == wanted || harmed.size() > (nodes.size() - 1) / 2) break;
    victims.push_back(id);
  }
  return victims;
}

bool Nemesis::lose_directories(Prng& prng) {
  const std::vector<NodeId> victims = draw_victims(prng, 2);
  for (const NodeId id : victims) {
    world_.kill(id, Death::kPowerLoss);
    world_.wipe(id);
    later(draw_length(prng) / 2, [this, id] { bring_up(id); });
  }
  return !victims.empty();
}

/// What a replica that was removed and deleted held is gone, its vote included, while its group still counts on it.
bool Nemesis::lose_replicas(Prng& prng) {
  bool has_lost = false;
  for (const NodeId id : draw_victims(prng, 2)) {
    world_.kill(id, prng.chance(1, 2) ? Death::kKill : Death::kPowerLoss);
    has_lost |= world_.delete_replica(id, GroupId(1 + prng.below(world_.groups())));
    later(draw_length(prng) / 2, [this, id] { bring_up(id); });
  }
  return has_lost;
}

/// Copies are known by what all others have written down about the node since (docs/decisions/0007), so only then. Who
/// has not heard of it would be a second failure: with an entry on A and B, B an old copy and A away, C cannot know.
bool Nemesis::keep_copy(NodeId id, Duration length) {
  world_.copy_directory(id);
  if (!world_.has_copy(id)) return false;
  later(length, [this, id] { put_copy_back_when_possible(id); });
  return true;
}

void Nemesis::put_copy_back_when_possible(NodeId id) {
  if (!world_.has_copy(id) || put_copy_back(id)) return;
  later(kCopyPatience, [this, id] { put_copy_back_when_possible(id); });
}

bool Nemesis::put_copy_back(NodeId id) {
  if (!is_whole() || !world_.is_copy_outdated(id)) return false;
  const auto is_harmed = [&](NodeId one) { return one == id || world_.is_damaged(one); };
  const auto harmed = static_cast<size_t>(std::ranges::count_if(world_.nodes(), is_harmed));
  if (harmed > (world_.nodes().size() - 1) / 2) return false;
  world_.kill(id, Death::kKill);
  world_.put_copy_back(id);
  world_.start(id);
  return true;
}

// Found at the next start, or by whoever reads an old entry of a running node first.
bool Nemesis::damage(Fault fault, Prng& prng) {
  const std::vector<NodeId> victims = draw_victims(prng, 1);
  if (victims.empty()) return false;
  const NodeId id = victims.front();
  const bool is_at_rest = prng.chance(2, 3);
  if (is_at_rest) kill_for_a_while(id, Death::kPowerLoss, prng);
  return fault == Fault::kBitFlip            ? world_.damage_log(id, Damage::kBitFlip)
         : fault == Fault::kLostWrite        ? world_.damage_log(id, Damage::kLostWrite)
         : fault == Fault::kMisdirectedWrite ? world_.damage_log(id, Damage::kMisdirectedWrite)
                                             : world_.damage_checkpoints(id);
}

}  // namespace torc::sim
