#include "kv/change_set.h"

#include <utility>

#include "base/check.h"
#include "kv/image_format.h"
#include "kv/position.h"

namespace torc::kv {

void ChangeSet::begin() {
  CHECK(!capturing_);
  capturing_ = true;
  captured_through_ = current_++;
  captured_bytes_ = std::exchange(dirty_bytes_, 0);
  slots_emitted_ = 0;
  emitted_through_.clear();
}

void ChangeSet::end(bool is_durable) {
  CHECK(capturing_);
  capturing_ = false;
  if (is_durable) {
    durable_ = captured_through_;
  } else {
    dirty_bytes_ += captured_bytes_;
  }
  captured_bytes_ = 0;
  saved_.clear();
  saved_bytes_ = 0;
}

void ChangeSet::save(uint16_t slot, const Entry& entry) {
  if (slot < slots_emitted_) return;
  std::string image_key;
  put_image_key(image_key, position_of(entry.key()), entry.key());
  if (image_key <= emitted_through_) return;
  std::optional<std::string> value;
  if (!entry.is_tombstone()) put_image_value(value.emplace(), entry);
  saved_bytes_ += image_key.size() + (value ? value->size() : 0);
  const bool is_new = saved_.emplace(std::move(image_key), std::move(value)).second;
  CHECK(is_new);
}

void ChangeSet::forget_saved(Saved::const_iterator it) {
  saved_bytes_ -= it->first.size() + (it->second ? it->second->size() : 0);
  saved_.erase(it);
}

}  // namespace torc::kv
