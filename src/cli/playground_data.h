// What a playground leaves on disk between two runs.
#pragma once

#include <string>

#include "base/result.h"

namespace torc::cli {

/// Removes the data and logs of the nodes in `directory` ("node-1", "node-1.log", ...) and nothing else; a directory
/// that is not there holds none. Errors: kUnavailable if a node uses its data, kIo; kUnavailable leaves everything.
Status remove_nodes(const std::string& directory);

}  // namespace torc::cli
