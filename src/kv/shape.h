// How many arguments a command has, how long they may be, which of them are keys.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "kv/command.h"
#include "kv/reply_sink.h"

namespace torc::kv {

using Args = std::span<const std::string_view>;  // without the command's name

/// Places of the keys among the arguments, half open.
struct KeyRange {
  size_t begin = 0;
  size_t end = 0;
  size_t step = 1;

  size_t count() const { return (end - begin + step - 1) / step; }
};

bool has_one_key(const CommandTraits& traits);
/// Whether a command may have this many arguments.
bool accepts_count(const CommandTraits& traits, size_t arguments);
/// Requires: accepts_count(traits, args.size()).
KeyRange keys_of(const CommandTraits& traits, Args args);
/// Argument count and sizes; false after writing the error.
bool check_shape(const CommandTraits& traits, Args args, ReplySink& sink);

}  // namespace torc::kv
