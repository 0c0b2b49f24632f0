// What clients are told when their command was not executed, or nobody knows.
#pragma once

#include <string_view>

namespace torc::node {

constexpr std::string_view kUnknownOutcome =
    "UNKNOWN outcome: leadership changed or a majority is away; the command may or may not be executed";
constexpr std::string_view kNotExecuted = "TRYAGAIN leadership changed, the command was not executed";
constexpr std::string_view kSameCallAgain = "TRYAGAIN leadership changed, send the same call again";
constexpr std::string_view kNoMajority = "TRYAGAIN no majority answered in time, the command was not executed";
constexpr std::string_view kReadOverdue = "CLUSTERDOWN no majority confirmed this leader in time, try again";
constexpr std::string_view kDiskFull =
    "MISCONF the disk of the leader is full: writes are refused until there is space";
constexpr std::string_view kDisksFull =
    "MISCONF the disks of a majority of the nodes are full: writes are refused until there is space";
constexpr std::string_view kDiskSlow = "TRYAGAIN the disk of the leader does not keep up, the command was not executed";
constexpr std::string_view kTooManyWait = "ERR too many writes (or reads) are waiting on this node, try later";
constexpr std::string_view kOutOfMemory = "OOM command not allowed when used memory > 'maxmemory'.";
constexpr std::string_view kCommandTooLarge = "ERR the command is larger than an entry of the log may be";

/// A leader's refusal of all copies of a labelled command that have come to it (Group::write): none was or will be
/// executed.
inline bool is_refusal_of_all_copies(std::string_view error) {
  return error.starts_with("MISCONF") || error.starts_with("OOM");
}
/// A leader's refusal of a command that it did not look at any further: this copy was not and will not be executed.
inline bool is_definite_refusal(std::string_view error) {
  return is_refusal_of_all_copies(error) || error.starts_with("ERR too many writes");
}

}  // namespace torc::node
