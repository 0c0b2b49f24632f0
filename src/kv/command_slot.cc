#include "kv/command_slot.h"

#include <optional>

#include "kv/number.h"
#include "kv/position.h"

namespace torc::kv {
namespace {

CommandSlot named_slot(std::string_view text) {
  const std::optional<int64_t> slot = parse_integer(text);
  if (!slot || *slot < 0 || *slot >= kSlotCount) return {};
  return {CommandSlot::Kind::kOne, static_cast<uint16_t>(*slot)};
}

}  // namespace

CommandSlot slot_of_command(const CommandTraits& traits, Args args) {
  if (traits.id == CommandId::kTorcSlotSize || traits.id == CommandId::kTorcSlotKeys) return named_slot(args[0]);
  const KeyRange keys = keys_of(traits, args);
  if (keys.begin == keys.end) return {};
  CommandSlot result{CommandSlot::Kind::kOne, slot_of(args[keys.begin])};
  for (size_t i = keys.begin + keys.step; i < keys.end; i += keys.step) {
    if (slot_of(args[i]) != result.slot) return {CommandSlot::Kind::kSeveral, result.slot};
  }
  return result;
}

}  // namespace torc::kv
