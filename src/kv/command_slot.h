// Which slot a command is about: what doors and routers decide by.
#pragma once

#include <cstdint>

#include "kv/command.h"
#include "kv/shape.h"

namespace torc::kv {

struct CommandSlot {
  enum class Kind : uint8_t {
    kNone,  // no key: about all of them
    kOne,
    kSeveral,  // its keys are of different slots
  };
  Kind kind = Kind::kNone;
  uint16_t slot = 0;  // kOne, and of the first key of kSeveral
};

/// Of its keys, or the slot a command about a slot names; kNone if it names none that exists, for its syntax check to
/// refuse. Costs a CRC16 per key. Requires: accepts_count(traits, args.size()).
CommandSlot slot_of_command(const CommandTraits& traits, Args args);

}  // namespace torc::kv
