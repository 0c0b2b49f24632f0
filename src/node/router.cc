#include "node/router.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "kv/position.h"
#include "kv/shape.h"

namespace torc::node {
namespace {

/// A number, 0 if it is none: the group that gets the command says what is wrong with it.
uint64_t number_at(const kv::CommandView& command, size_t at) {
  uint64_t value = 0;
  if (at < command.args.size()) {
    const std::string_view text = command.args[at];
    std::from_chars(text.data(), text.data() + text.size(), value);
  }
  return value;
}

}  // namespace

Router::Router(uint32_t arcs) : arc_count_(arcs), slots_per_arc_(kSlotCount / arcs) { CHECK(is_arc_count(arcs)); }

Arc Router::arc(uint32_t n) const {
  CHECK(n < arc_count_) << n;
  return {n * slots_per_arc_, (n + 1) * slots_per_arc_};
}

Router::Route Router::route(const kv::CommandView& command) const {
  if (arc_count_ == 1) return {};
  const kv::CommandTraits* traits = kv::traits_of(command.id);
  CHECK(traits != nullptr) << "a command of a client has a row";
  const kv::KeyRange keys = kv::keys_of(*traits, command.args);
  if (keys.count() > 0) {
    const uint32_t slot = kv::slot_of(command.args[keys.begin]);
    for (size_t i = keys.begin + keys.step; i < keys.end; i += keys.step) {
      if (kv::slot_of(command.args[i]) != slot) return {Route::Kind::kCrossSlot};
    }
    return {Route::Kind::kOne, arc_of(slot)};
  }
  switch (command.id) {
    case kv::CommandId::kScan: {  // a cursor is a position (kv/scan.cc)
      return {Route::Kind::kOne, arc_of(static_cast<uint32_t>(number_at(command, 0) >> kv::kLowPositionBits))};
    }
    case kv::CommandId::kTorcScan: {
      const uint64_t first = std::min<uint64_t>(number_at(command, 0), kSlotCount - 1);
      const uint64_t slot = std::max(first, number_at(command, 2) >> kv::kLowPositionBits);
      return {Route::Kind::kOne, arc_of(static_cast<uint32_t>(slot))};
    }
    case kv::CommandId::kDbSize:
    case kv::CommandId::kFlushAll:
      return {Route::Kind::kEvery};
    default:
      return {};  // knows no keys and belongs to no arc
  }
}

}  // namespace torc::node
