// Writes one generation of changes in ascending key order, a piece at a time, while commands go on
// (rules.md#images-as-of-an-index).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kv/state_machine.h"
#include "kv/table.h"

namespace torc::kv {

/// Goes through the slots of the arc; of each it lists the captured keys, sorts them by image key and emits them. A key
/// is looked up again when its turn comes, because its entry may have changed, moved or gone since.
class Capture {
 public:
  explicit Capture(Table& table) : table_(table) {}
  void begin();
  /// Emits about `bytes_max` more; true when everything is emitted.
  bool step(ImageSink& sink, size_t bytes_max);
  void end(bool is_durable);

 private:
  struct Item {
    uint64_t position;
    size_t key_begin;  // in keys_
    size_t key_bytes;
  };

  std::string_view key_of(const Item& item) const {
    return std::string_view(keys_).substr(item.key_begin, item.key_bytes);
  }
  void add_item(uint64_t position, std::string_view key);
  void fill_queue(uint16_t slot);
  size_t emit(const Item& item, ImageSink& sink);
  size_t emit_entry(std::string_view key, ImageSink& sink);

  Table& table_;
  bool range_is_due_ = false;
  uint32_t next_slot_ = 0;   // of the arc, first one not yet in the queue
  std::vector<Item> queue_;  // of slot next_slot_ - 1, sorted
  size_t queue_position_ = 0;
  std::string keys_;
  std::string image_key_, image_value_;  // scratch
  std::vector<Entry*> listed_;           // scratch
  std::string erased_keys_;              // length-prefixed; they become tombstones again if the capture fails
};

}  // namespace torc::kv
