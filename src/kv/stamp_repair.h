// The command that sets a group's stamp back, once it is known to be ahead of the time (rules.md#leader-time).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "kv/argument.h"
#include "kv/handlers.h"

namespace torc::kv {

/// Arguments of kSetBack, in this order, as decimal numbers.
struct StampRepair {
  WallMs stamp;                   // the time; nothing happens unless the group's stamp is later
  uint64_t operations_right = 0;  // all operations counted up to here had right stamps
  WallMs deadline_min;            // later deadlines of keys that were written since are computed from wrong stamps
};

std::vector<std::string> arguments(const StampRepair& repair);
/// Nothing if these are no such arguments.
std::optional<StampRepair> parse_stamp_repair(Args args);

}  // namespace torc::kv
