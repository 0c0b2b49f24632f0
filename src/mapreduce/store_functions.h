// Jobs for the store's own people: keystats, load, export.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mapreduce/builtin.h"
#include "mapreduce/key_source.h"
#include "mapreduce/torc_keys.h"

namespace torc::mapreduce {

/// A line of an export: key, tab, value, and behind another tab the deadline in milliseconds if it has one. Tabs, line
/// ends and backslashes in key and value are written \t, \n, \r, \\; any byte may be written \xHH.
std::string export_line(const StoredKey& key);
/// Errors: kInvalid.
Result<StoredKey> parse_export_line(std::string_view line);

/// Functions of those built-ins that need the store. Nothing: `name` is none of them. `access`: null if there is none.
std::optional<Result<Functions>> store_functions(std::string_view name, const StoreAccess* access);
std::span<const Builtin> store_builtins();

}  // namespace torc::mapreduce
