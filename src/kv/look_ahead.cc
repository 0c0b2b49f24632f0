#include "kv/look_ahead.h"

#include "kv/command.h"
#include "kv/shape.h"

namespace torc::kv {

void LookAhead::fetch(const BatchReader& reader, const Table& table) {
  fetched_ = KeyBatch::kKeysMax;
  if (table.key_count() < kKeysMin) return;
  KeyBatch batch(table);
  BatchReader ahead = reader;
  for (size_t i = 0; i < fetched_ && ahead.next(scratch_); ++i) {
    const CommandTraits* traits = traits_of(scratch_.id);
    if (traits == nullptr || !has_one_key(*traits) || scratch_.args.empty()) continue;
    batch.add(scratch_.args[0]);
    if (scratch_.args.size() > kArgsMax) break;
  }
  batch.fetch();
}

}  // namespace torc::kv
