// Changes whose outcome is known before anything follows from it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mapreduce/key_store.h"

namespace torc::mapreduce {

/// Writes `value` if the key holds `expected` (nothing: does not exist); true if this caller's value was written.
///
/// An unknown outcome is resolved: the change is made again, after which the first one can have no effect any more, and
/// if that finds the key changed, the key is read. This tells the writers apart because no two of them ever write the
/// same value (every value names its writer or counts upwards). False can also mean "written, and replaced by somebody
/// since": whoever must know reads the key. Errors: kUnavailable.
Result<bool> change(KeyStore& store, const std::string& key, const std::optional<std::string>& expected,
                    std::string_view value, Lifetime lifetime = Lifetime::kForever);

/// One key; nothing if it does not exist. Errors: kUnavailable.
Result<std::optional<std::string>> read_one(KeyStore& store, const std::string& key);

}  // namespace torc::mapreduce
