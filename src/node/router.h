// Which of the groups of a node a command is for.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/arc.h"
#include "base/strong_id.h"
#include "kv/command.h"

namespace torc::node {

constexpr uint32_t kArcsMax = 1024;

/// Whether a circle may be cut into so many equal arcs: a power of two, so that arcs can be halved later.
constexpr bool is_arc_count(uint64_t count) { return count >= 1 && count <= kArcsMax && (count & (count - 1)) == 0; }

/// Of the n-th arc, from 0.
constexpr GroupId group_of_arc(uint32_t n) { return GroupId(n + 1); }

/// The circle is cut into equal arcs, one group each.
class Router {
 public:
  /// Requires: is_arc_count(arcs).
  explicit Router(uint32_t arcs);

  uint32_t arc_count() const { return arc_count_; }
  /// The n-th arc, from 0.
  Arc arc(uint32_t n) const;
  uint32_t arc_of(uint32_t slot) const { return slot / slots_per_arc_; }

  /// The slot at which a SCAN goes on; 0 if it is no cursor, for the group to refuse.
  static uint32_t slot_of_cursor(std::string_view cursor);

  struct Route {
    enum class Kind : uint8_t {
      kOne,        // the group of `arc` executes it
      kEvery,      // each group executes it for its own keys
      kCrossSlot,  // its keys stand in different slots: refused, whichever groups these belong to
    };
    Kind kind = Kind::kOne;
    uint32_t arc = 0;
  };
  /// With one arc everything is for it, as at a standalone server. With more of them a command's keys have to stand in
  /// one slot, from the first node on: behaviour does not flip when arcs are cut. Requires: the command's shape was
  /// checked (kv::check_shape).
  Route route(const kv::CommandView& command) const;

 private:
  uint32_t arc_count_;
  uint32_t slots_per_arc_;
};

}  // namespace torc::node
