#include "kv/capture.h"

#include <algorithm>

#include "base/check.h"
#include "base/codec.h"
#include "kv/image_format.h"
#include "kv/position.h"

namespace torc::kv {
void Capture::begin() {
  table_.changes().begin();
  range_is_due_ = table_.changes().is_flush_captured();
  next_slot_ = table_.arc().first_slot;
  queue_.clear();
  queue_position_ = 0;
}

bool Capture::step(ImageSink& sink, size_t bytes_max) {
  CHECK(table_.changes().capturing());
  ChangeSet& changes = table_.changes();
  if (range_is_due_) {
    const ImageRange own = images_of(table_.arc());  // the store holds the images of other groups too
    sink.erase_range(own.begin, own.end);
    range_is_due_ = false;
  }
  size_t bytes = 0;
  while (true) {
    while (queue_position_ < queue_.size()) {
      if (bytes >= bytes_max) return false;
      bytes += emit(queue_[queue_position_++], sink);
    }
    changes.note_slots_emitted(next_slot_);
    if (next_slot_ == table_.arc().end_slot) return true;
    fill_queue(static_cast<uint16_t>(next_slot_++));
  }
}

void Capture::add_item(uint64_t position, std::string_view key) {
  queue_.push_back(Item{position, keys_.size(), key.size()});
  keys_.append(key);
}

void Capture::fill_queue(uint16_t slot) {
  queue_.clear();
  queue_position_ = 0;
  keys_.clear();
  const ChangeSet& changes = table_.changes();
  const SlotArray& slots = table_.captured_slots();
  if (slots.may_have_changed(slot, changes.durable(), changes.captured_through())) {
    slots.list(slot, listed_);
    for (const Entry* entry : listed_) {
      if (changes.is_captured(entry->generation)) add_item(position_of(entry->key()), entry->key());
    }
  }
  if (!changes.saved().empty()) {
    const ImageRange images = images_of({slot, uint32_t{slot} + 1});
    const auto end = changes.saved().lower_bound(images.end);
    for (auto it = changes.saved().lower_bound(images.begin); it != end; ++it) {
      const std::string key = key_of_image(it->first);
      add_item(position_of(key), key);
    }
  }
  std::sort(queue_.begin(), queue_.end(), [this](const Item& a, const Item& b) {
    return a.position != b.position ? a.position < b.position : key_of(a) < key_of(b);
  });
}

size_t Capture::emit(const Item& item, ImageSink& sink) {
  ChangeSet& changes = table_.changes();
  image_key_.clear();
  put_image_key(image_key_, item.position, key_of(item));
  size_t bytes = image_key_.size();
  const auto saved = changes.saved().find(image_key_);
  if (saved == changes.saved().end()) {
    bytes += emit_entry(key_of(item), sink);
  } else if (saved->second) {
    sink.put(image_key_, *saved->second);
    bytes += saved->second->size();
    changes.forget_saved(saved);
  } else {
    sink.erase(image_key_);
    changes.forget_saved(saved);
  }
  changes.note_emitted(image_key_);
  return bytes;
}

size_t Capture::emit_entry(std::string_view key, ImageSink& sink) {
  Spot spot = table_.find(key);
  if (table_.is_frozen()) spot.record = table_.captured_slots().find(spot.slot, spot.hash, key);
  CHECK(spot.record != nullptr && table_.changes().is_captured(spot.record->generation));
  if (spot.record->is_tombstone()) {
    sink.erase(image_key_);
    put_bytes(erased_keys_, key);
    if (!table_.is_frozen()) table_.drop_tombstone(spot);
    return 0;
  }
  spot.record->flags |= Entry::kStored;
  image_value_.clear();
  put_image_value(image_value_, *spot.record);
  sink.put(image_key_, image_value_);
  return image_value_.size();
}

void Capture::end(bool is_durable) {
  ChangeSet& changes = table_.changes();
  const bool erases_are_covered = is_durable || changes.flushed_since_begin();
  changes.end(is_durable);
  table_.release_frozen();
  if (!erases_are_covered) {
    for (Reader reader(erased_keys_); !reader.rest().empty();) {
      const std::string_view key = reader.bytes();
      Spot spot = table_.find(key);
      table_.note_stored(spot, key);
    }
  }
  erased_keys_ = {};
  queue_ = {};
  queue_position_ = 0;
  keys_ = {};
  image_value_ = {};
}

}  // namespace torc::kv
