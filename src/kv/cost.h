// What a command may cost, judged against the present state before it is proposed.
#pragma once

#include <cstddef>

#include "kv/command.h"
#include "kv/table.h"

namespace torc::kv {

/// Upper bounds, in bytes. A byte of work is about what copying one takes.
struct Cost {
  size_t work = 0;    // what applying touches: arguments, old values, the answer
  size_t memory = 0;  // how much more the state may hold then
  size_t growth = 0;  // how much longer a value may be then
};

/// Work of an operation beside the bytes it touches, so that a hundred thousand tiny ones count as what they are.
constexpr size_t kOperationWork = 512;

/// True of commands that read, copy or answer the value a key has before them: 60 bytes may cost 32 MiB.
bool touches_old_value(const CommandView& command);
/// Whether what was there, or a part of it, is the answer.
bool answers_with_old_value(const CommandView& command);

/// `growth_before`: the sum over the commands that will have been applied before this one and are not yet.
Cost cost_of(const CommandView& command, const Table& table, size_t growth_before);

}  // namespace torc::kv
