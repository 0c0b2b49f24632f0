// What must hold in a world where nothing goes wrong, however slow its disks, wires and CPUs are: leadership stays
// where it is, and every command is executed and answered.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "sim/deed.h"
#include "sim/observer.h"
#include "sim/world.h"

namespace torc::sim {

/// Bug classes 14 (head-of-line blocking delays heartbeats), 30 (a slow fsync starves them) and 51 (work in one piece
/// does) show as elections that nothing in the world explains; budgets that are too small as refusals.
class Calm {
 public:
  Calm(World& world, const Observer& observer) : world_(world), observer_(observer) {}

  /// The node's turn has ended. Before that the observer looked at it.
  void after_turn(NodeId id);
  /// An answer to what was sent at `sent`; of the client's own failing none.
  void judge(Instant sent, const Told& told, const std::string& what);

 private:
  struct Led {
    NodeId leader;
    uint64_t leaderships = 0;
    Instant since;
  };
  /// From when on the group's leadership must stay where it is.
  Instant settled(const Led& led) const;
  /// Of all groups.
  Instant settled() const;
  bool is_even() const;

  World& world_;
  const Observer& observer_;
  std::map<GroupId, Led> groups_;
  Instant even_since_ = Instant::never();  // leaderships are spread evenly
};

}  // namespace torc::sim
