#include "kv/look_ahead.h"

#include <array>
#include <string_view>

#include "kv/command.h"
#include "kv/shape.h"

namespace torc::kv {

void LookAhead::fetch(const BatchReader& reader, const Table& table) {
  fetched_ = kAtATime;
  if (table.key_count() < kKeysMin) return;
  std::array<Table::Place, kAtATime> places;
  std::array<std::string_view, kAtATime> keys;
  size_t count = 0;
  BatchReader ahead = reader;
  for (size_t i = 0; i < kAtATime && ahead.next(scratch_); ++i) {
    const CommandTraits* traits = traits_of(scratch_.id);
    if (traits == nullptr || !has_one_key(*traits) || scratch_.args.empty()) continue;
    keys[count] = scratch_.args[0];
    places[count] = table.place_of(keys[count]);
    ++count;
    if (scratch_.args.size() > kArgsMax) break;
  }
  if (count < 2) return;
  for (size_t i = 0; i < count; ++i) static_cast<void>(table.find(places[i], keys[i]));
}

}  // namespace torc::kv
