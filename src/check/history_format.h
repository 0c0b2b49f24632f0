// Histories as text: one JSON object per line.
//
//   {"client":3,"op":"set","key":"a","args":["1"],"result":"OK","start_ns":10,"end_ns":25}
//
//   op      args               result
//   get     []                 "value", or null if the key was absent
//   set     [value]            "OK"
//   setnx   [value]            1 set, 0 not
//   getset  [value]            the old value or null
//   getdel  []                 the old value or null
//   del     []                 1 deleted, 0 was absent
//   append  [piece]            the new length
//   cas     [expected, new]    1 set, 0 not
//   incr    [] or ["delta"]    the new number
//
//   "result":null and no "end_ns"      outcome unknown: the operation may take effect at any later time, or never
//   "result":null with "end_ns"        the key was absent
//   "result":{"error":"..."}           refused: the operation had no effect. Two exceptions: an error that begins with
//                                      UNKNOWN means "outcome unknown"; an incr's "ERR value is not an integer..." and
//                                      "ERR increment or decrement would overflow" are checked against the value
//
// Strings are UTF-8 with JSON's escapes. Every field but end_ns is required (args may be left out where it is []),
// others are refused: a misspelt field must not weaken the check. Blank lines are skipped.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "check/history.h"

namespace torc::check {

constexpr size_t kHistoryOperationsMax = 100'000'000;

/// Errors: kInvalid with the line number.
Result<History> parse_history(std::string_view text);
/// Errors: kInvalid if a string is not UTF-8.
Result<std::string> format_history(const History& history);

}  // namespace torc::check
