// One state of everything: the replicas with their disks, the messages, and what clients and leaders did that no
// replica may ever contradict.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "explore/cast.h"

namespace torc::explore {

/// What happened and cannot be undone.
struct Past {
  std::array<uint8_t, kTermsMax + 1> leaders{};  // position + 1 of the leader of each term; 0: none yet
  uint8_t committed_count = 0;
  std::array<uint32_t, kLogMax> committed{};    // entry numbers: what anybody ever took for committed
  std::array<uint8_t, kLogMax> committed_in{};  // the term in which that was first seen
  uint8_t proposals = 0;
  uint8_t crashes = 0;
  uint8_t changes = 0;
  uint8_t transfers = 0;
  uint8_t cuts = 0;
  uint8_t time = 0;  // steps
  uint8_t reads = 0;
  std::array<uint8_t, kReadsMax> read_floors{};  // committed_count when the read was asked for
};

struct World {
  std::array<uint32_t, kReplicasMax> actors{};
  /// Sorted. What was once sent may arrive at any time, any number of times, or never: the set of messages only grows,
  /// which is every network that delays, loses, repeats and reorders.
  std::vector<uint32_t> lines;
  Past past;
};

struct Action {
  uint8_t position = 0;
  Input input;

  uint32_t packed() const { return uint32_t{position} << 29 | input.packed(); }
  static Action unpacked(uint32_t packed) {
    return {static_cast<uint8_t>(packed >> 29), {static_cast<InputKind>(packed >> 24 & 0x1f), packed & 0xffffff}};
  }
};

/// The world before anything happens (or with replica 1 elected, if so configured).
World first_world(Cast& cast);

/// Everything that may happen next, within the bounds.
void actions_of(const World& world, const Cast& cast, std::vector<Action>& out);

struct Outcome {
  World world;
  std::string violation;  // empty: all is well
};
/// Nothing if the action changes nothing or leaves the bounds.
std::optional<Outcome> act(const World& world, Action action, Cast& cast);

/// Equal for worlds that differ only in who is who.
Fingerprint fingerprint_of(const World& world, const Cast& cast, bool with_network = true);

/// "deliver 1->2 VoteRequest term=1 ..." and what came of it.
std::string describe(const Action& action, const World& after, Cast& cast);

}  // namespace torc::explore
