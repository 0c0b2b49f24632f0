// What changed since when: decides which entries belong to a capture, and keeps what a capture still needs of values
// that have changed since it began (rules.md#images-as-of-an-index).
//
// Time is cut into generations; begin() ends one. An entry carries the generation of its last change:
//
//     durable            captured              current
//   ───────────┤ (durable, captured_through] ├──────────▶
//   in the      being written, must be emitted   belongs to the
//   store       exactly as of begin()            next capture
//
// So beginning a capture costs O(1), failing one too (`durable` just stays), and entries need no list beside the table.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "kv/entry.h"

namespace torc::kv {

class ChangeSet {
 public:
  uint32_t current() const { return current_; }
  uint32_t durable() const { return durable_; }
  uint32_t captured_through() const { return captured_through_; }
  bool capturing() const { return capturing_; }
  /// Whether an entry last changed in `generation` belongs to the running capture.
  bool is_captured(uint32_t generation) const {
    return capturing_ && generation > durable_ && generation <= captured_through_;
  }

  void begin();
  void end(bool is_durable);
  /// Everything was erased in the current generation.
  void note_flush() { flushed_ = current_; }
  /// The running capture begins with erasing everything.
  bool is_flush_captured() const { return is_captured(flushed_); }
  bool flushed_since_begin() const { return capturing_ && flushed_ > captured_through_; }

  /// Keeps the image of an entry that is about to change, unless it was emitted already.
  /// Requires: is_captured(entry.generation).
  void save(uint16_t slot, const Entry& entry);
  /// The capture has emitted everything up to and including this image key.
  void note_emitted(std::string_view image_key) { emitted_through_ = image_key; }
  /// The capture has emitted everything of the slots below this one.
  void note_slots_emitted(uint32_t slot_end) { slots_emitted_ = slot_end; }
  /// What is still to be emitted of changed entries, by image key: the value, or nothing for a deletion.
  using Saved = std::map<std::string, std::optional<std::string>, std::less<>>;
  const Saved& saved() const { return saved_; }
  /// Gives up a saved image because it was emitted.
  void forget_saved(Saved::const_iterator it);

  void add_dirty_bytes(size_t bytes) { dirty_bytes_ += bytes; }
  size_t dirty_bytes() const { return dirty_bytes_; }
  size_t saved_bytes() const { return saved_bytes_; }

 private:
  uint32_t current_ = 1;
  uint32_t durable_ = 0;
  uint32_t captured_through_ = 0;
  uint32_t flushed_ = 0;
  bool capturing_ = false;
  uint32_t slots_emitted_ = 0;
  std::string emitted_through_;  // last emitted image key; empty: none
  Saved saved_;
  size_t saved_bytes_ = 0;
  size_t dirty_bytes_ = 0;     // changed in the current generation, roughly
  size_t captured_bytes_ = 0;  // of the running capture, in case it fails
};

}  // namespace torc::kv
