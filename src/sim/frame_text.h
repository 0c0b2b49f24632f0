// A peer message as a few words for the trace.
#pragma once

#include <string>

#include "base/bytes.h"

namespace torc::sim {

/// What the frame says, or that it cannot be decoded.
std::string frame_text(const Bytes& body);

}  // namespace torc::sim
