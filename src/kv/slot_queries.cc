// TORC.SLOTSIZE, TORC.SLOTKEYS: what CLUSTER COUNTKEYSINSLOT and GETKEYSINSLOT ask of a group's state, in their words.
#include <algorithm>
#include <optional>
#include <vector>

#include "kv/argument.h"
#include "kv/handlers.h"
#include "kv/position.h"

namespace torc::kv {
namespace {

constexpr int64_t kSlotKeysMax = 1000;  // as many as a page of SCAN
constexpr std::string_view kInvalidSlot = "ERR Invalid slot";
constexpr std::string_view kInvalidSlotOrCount = "ERR Invalid slot or number of keys";

/// Nothing after writing the error.
std::optional<uint16_t> parse_slot(std::string_view text, std::string_view error, ReplySink& sink) {
  const std::optional<int64_t> slot = integer_argument(text, sink);
  if (!slot) return std::nullopt;
  if (*slot >= 0 && *slot < kSlotCount) return static_cast<uint16_t>(*slot);
  sink.error(error);
  return std::nullopt;
}

struct SlotKeys {
  uint16_t slot = 0;
  size_t count = 0;
};

std::optional<SlotKeys> parse_slot_keys(Args args, ReplySink& sink) {
  const std::optional<int64_t> count = integer_argument(args[1], sink);
  if (!count) return std::nullopt;
  const std::optional<uint16_t> slot = parse_slot(args[0], kInvalidSlotOrCount, sink);
  if (!slot) return std::nullopt;
  if (*count >= 0) return SlotKeys{*slot, static_cast<size_t>(std::min(*count, kSlotKeysMax))};
  sink.error(kInvalidSlotOrCount);
  return std::nullopt;
}

}  // namespace

bool check_torc_slot_size(Args args, ReplySink& sink) { return parse_slot(args[0], kInvalidSlot, sink).has_value(); }

void torc_slot_size(const ReadContext& c) {
  const std::optional<uint16_t> slot = parse_slot(c.args[0], kInvalidSlot, c.sink);
  if (slot) c.sink.integer(static_cast<int64_t>(c.table.key_count_of(*slot)));
}

bool check_torc_slot_keys(Args args, ReplySink& sink) { return parse_slot_keys(args, sink).has_value(); }

/// In the order of their positions. Keys that have expired and were not purged yet are there, as in the count.
void torc_slot_keys(const ReadContext& c) {
  const std::optional<SlotKeys> wanted = parse_slot_keys(c.args, c.sink);
  if (!wanted) return;
  std::vector<const Entry*> found;
  std::vector<PositionedEntry> page;
  std::optional<uint64_t> from = uint64_t{wanted->slot} << kLowPositionBits;
  while (from && found.size() < std::min<uint64_t>(wanted->count, c.table.key_count_of(wanted->slot))) {
    from = c.table.list_positions(*from, last_position_of(wanted->slot), wanted->count, page);
    for (const PositionedEntry& one : page) {
      if (!one.entry->is_tombstone() && found.size() < wanted->count) found.push_back(one.entry);
    }
  }
  c.sink.array(found.size());
  for (const Entry* entry : found) c.sink.bulk(entry->key());
}

}  // namespace torc::kv
