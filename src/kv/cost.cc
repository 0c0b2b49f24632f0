#include "kv/cost.h"

#include <algorithm>

#include "kv/batch.h"
#include "kv/handlers.h"
#include "kv/number.h"
#include "kv/position.h"

namespace torc::kv {
namespace {

/// What a key costs beside its bytes: the entry's header, its slot, its deadline.
constexpr size_t kKeyOverheadBytes = 128;

/// A value of the table when its turn comes, at most. `growth`: of everything that comes before it.
size_t value_bytes(const Table& table, std::string_view key, size_t growth) {
  const Entry* entry = table.find(key).entry();
  return std::min(kValueBytesMax, (entry != nullptr ? entry->value_bytes : 0) + growth);
}

/// Where SETRANGE key offset patch ends; 0 if it is refused.
size_t end_of_patch(Args args) {
  const std::optional<int64_t> offset = args.size() == 3 ? parse_integer(args[1]) : std::nullopt;
  if (!offset || *offset < 0 || args[2].size() > kValueBytesMax) return 0;
  const auto begin = static_cast<uint64_t>(*offset);
  return begin > kValueBytesMax - args[2].size() ? 0 : begin + args[2].size();
}

/// Of a SET.
bool has_get_option(const CommandView& command) {
  const auto is_get = [](std::string_view option) {
    return option.size() == 3 && (option[0] | 0x20) == 'g' && (option[1] | 0x20) == 'e' && (option[2] | 0x20) == 't';
  };
  return command.args.size() > 2 && std::ranges::any_of(command.args.subspan(2), is_get);
}

}  // namespace

bool touches_old_value(const CommandView& command) {
  switch (command.id) {
    case CommandId::kGet:
    case CommandId::kMGet:
    case CommandId::kGetRange:
    case CommandId::kGetSet:
    case CommandId::kGetDel:
    case CommandId::kGetEx:
    case CommandId::kAppend:
    case CommandId::kSetRange:
      return true;
    case CommandId::kSet:
      return has_get_option(command);
    default:
      return false;
  }
}

bool answers_with_old_value(const CommandView& command) {
  const bool only_changes_it = command.id == CommandId::kAppend || command.id == CommandId::kSetRange;
  return !only_changes_it && touches_old_value(command);
}

Cost cost_of(const CommandView& command, const Table& table, size_t growth_before) {
  const size_t own = operation_bytes(command);
  Cost cost{kOperationWork + own, 0, 0};
  const CommandTraits* traits = traits_of(command.id);
  if (traits == nullptr || !accepts_count(*traits, command.args.size())) return cost;
  const KeyRange keys = keys_of(*traits, command.args);
  if (traits->grows) {
    cost.memory = own + keys.count() * kKeyOverheadBytes;
    cost.growth = own;
  }
  // While a capture runs the first change of a captured value copies it (rules.md#images-as-of-an-index).
  const bool is_copied = table.changes().capturing() && traits->is_write;
  if (!is_copied && !touches_old_value(command)) return cost;
  // What is copied is the value as it was captured: who changes it before pays for that.
  const size_t growth = touches_old_value(command) ? growth_before : 0;
  size_t old_bytes = 0;
  for (size_t i = keys.begin; i < keys.end && old_bytes <= kReplyBytesMax; i += keys.step) {
    old_bytes += value_bytes(table, command.args[i], growth);
  }
  cost.work += old_bytes;
  if (command.id == CommandId::kAppend || command.id == CommandId::kSetRange) {
    const size_t end = command.id == CommandId::kSetRange ? end_of_patch(command.args) : 0;
    cost.work += end;
    cost.growth += end;
    cost.memory += end + std::min(kGrowthBytesMax, old_bytes + own);  // room to grow
  }
  return cost;
}

}  // namespace torc::kv
