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
constexpr std::string_view kOverloaded = "ERR too many writes are waiting for a majority, try later";

}  // namespace torc::node
