// How far a command that names very many keys has come. It is executed in pieces, so that whoever shares the loop is
// heard in between: half a million keys in one piece kept a leader silent for a second, and it was deposed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kv/entry.h"

namespace torc::kv {

/// Keys of one step; also, how many arguments a command may have and be executed whole.
constexpr size_t kKeysPerStep = 1024;
/// Keys are looked at three times: do they belong here, have they expired, and then for what the command is about. The
/// state must not change while a read is under way; a write changes it, and nobody may look at it before the end.
struct Progress {
  enum class Stage : uint8_t { kOwner, kExpiry, kExecution };
  Stage stage = Stage::kOwner;
  size_t next = 0;                  // argument, of this stage
  bool is_checked = false;          // of commands that look at all keys before they do anything
  size_t bytes = 0;                 // of the answer so far
  int64_t count = 0;                // the answer so far
  std::vector<const Entry*> found;  // by key, null where there is none

  void begin(Stage next_stage) {
    stage = next_stage;
    next = 0;
  }
};

}  // namespace torc::kv
