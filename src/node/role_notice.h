// Elections and changes of role in words.
#pragma once

#include <optional>
#include <string>

#include "consensus/replica.h"

namespace torc::node {

/// What changed between two looks at a replica, as the rest of a sentence that begins with its node: "leads term 7,
/// elected by a majority". Nothing if there is nothing to tell.
std::optional<std::string> describe_change(const consensus::ReplicaStatus& before, const consensus::ReplicaStatus& now);

}  // namespace torc::node
