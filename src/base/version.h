// Formats of other versions of this program.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace torc {

/// For whoever went back to an older program, or came from one whose formats are not read any more: nothing is damaged,
/// and nothing was changed. `what`: the file or record.
inline Error unknown_version(std::string_view what, uint64_t found, uint64_t known) {
  const bool is_later = found > known;
  return Error{ErrorCode::kVersion,
               std::string(what) + " has version " + std::to_string(found) + ", this program knows version " +
                   std::to_string(known) +
                   (is_later ? ": use the program that wrote it, or a later one"
                             : ", and reads no earlier one: use the program that wrote it, or begin with an empty data "
                               "directory (torc playground --fresh)")};
}

/// The same, of a kind that a later version added.
inline Error unknown_kind(std::string_view what, uint64_t kind) {
  return Error{ErrorCode::kVersion,
               std::string(what) + " is of kind " + std::to_string(kind) +
                   ", which this program does not know: use the program that wrote it, or a later one"};
}

}  // namespace torc
