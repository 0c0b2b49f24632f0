// What the nemesis does to disks, and to what is on them.
#include <algorithm>
#include <utility>

#include "sim/nemesis.h"

namespace torc::sim {

bool Nemesis::cause_disk(Fault fault, Prng& prng) {
  const NodeId id = draw_node(prng);
  if (fault == Fault::kSlowDisk) {
    world_.slow_disk(id, Duration(prng.between(1'000'000, 300'000'000)));
    later(draw_length(prng), [this, id] { world_.slow_disk(id, 0ns); });
  } else if (fault == Fault::kFullDisk) {
    world_.fill_disk(id, prng.below(8192));
    later(draw_length(prng), [this, id] { world_.empty_disk(id); });
  } else if (fault == Fault::kFailedSync) {
    world_.fail_next_sync(id);
    return world_.is_alive(id);
  } else if (fault == Fault::kWipe) {
    return lose_directory(prng);
  } else {
    return damage(fault, prng);
  }
  return true;
}

NodeId Nemesis::draw_victim(Prng& prng) {
  const NodeId id = draw_node(prng);
  const bool is_born = std::all_of(world_.nodes().begin(), world_.nodes().end(), [&](NodeId one) {
    return harmed_.contains(one) || (world_.node(one) != nullptr && !world_.is_paused(one) &&
                                     world_.node(one)->status().membership == node::Membership::kMember);
  });
  const bool is_enough = harmed_.size() >= (world_.nodes().size() - 1) / 2;
  return is_born && !is_enough && !harmed_.contains(id) ? id : NodeId();
}

bool Nemesis::lose_directory(Prng& prng) {
  const NodeId id = draw_victim(prng);
  if (!id) return false;
  harmed_.insert(id);
  world_.kill(id, Death::kPowerLoss);
  world_.wipe(id);
  later(draw_length(prng) / 2, [this, id] { bring_up(id); });
  return true;
}

// Found at the next start, or by whoever reads an old entry of a running node first.
bool Nemesis::damage(Fault fault, Prng& prng) {
  const NodeId id = draw_victim(prng);
  if (!id) return false;
  const bool is_at_rest = prng.chance(2, 3);
  if (is_at_rest) kill_for_a_while(id, Death::kPowerLoss, prng);
  const bool is_damaged = fault == Fault::kBitFlip            ? world_.damage_log(id, Damage::kBitFlip)
                          : fault == Fault::kLostWrite        ? world_.damage_log(id, Damage::kLostWrite)
                          : fault == Fault::kMisdirectedWrite ? world_.damage_log(id, Damage::kMisdirectedWrite)
                                                              : world_.damage_checkpoints(id);
  if (is_damaged) harmed_.insert(id);
  return is_damaged;
}

}  // namespace torc::sim
