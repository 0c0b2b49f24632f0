#include "node/router.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "kv/command_slot.h"
#include "kv/position.h"

namespace torc::node {
namespace {

/// A number, 0 if it is none: the group that gets the command says what is wrong with it.
uint64_t number_of(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

Router::Router(uint32_t arcs) : arc_count_(arcs), slots_per_arc_(kSlotCount / arcs) { CHECK(is_arc_count(arcs)); }

Arc Router::arc(uint32_t n) const {
  CHECK(n < arc_count_) << n;
  return {n * slots_per_arc_, (n + 1) * slots_per_arc_};
}

uint32_t Router::slot_of_cursor(std::string_view cursor) {
  return static_cast<uint32_t>(number_of(cursor) >> kv::kLowPositionBits);
}

Router::Route Router::route(const kv::CommandView& command) const {
  if (arc_count_ == 1) return {};
  const kv::CommandTraits* traits = kv::traits_of(command.id);
  CHECK(traits != nullptr) << "a command of a client has a row";
  const kv::CommandSlot where = kv::slot_of_command(*traits, command.args);
  if (where.kind == kv::CommandSlot::Kind::kSeveral) return {Route::Kind::kCrossSlot};
  if (where.kind == kv::CommandSlot::Kind::kOne) return {Route::Kind::kOne, arc_of(where.slot)};
  switch (command.id) {
    case kv::CommandId::kScan: {  // a cursor is a position (kv/scan.cc)
      return {Route::Kind::kOne, arc_of(slot_of_cursor(command.args[0]))};
    }
    case kv::CommandId::kTorcScan: {
      const uint64_t first = std::min<uint64_t>(number_of(command.args[0]), kSlotCount - 1);
      const uint64_t slot = std::max<uint64_t>(first, slot_of_cursor(command.args[2]));
      return {Route::Kind::kOne, arc_of(static_cast<uint32_t>(slot))};
    }
    case kv::CommandId::kDbSize:
    case kv::CommandId::kFlushAll:
    case kv::CommandId::kFlushDb:
      return {Route::Kind::kEvery};
    default:
      return {};  // knows no keys and belongs to no arc
  }
}

}  // namespace torc::node
