// A rolling upgrade: nodes that speak as the version before this one, or as one after it will.
//
// Versions of the wire differ by Protobuf fields and kinds of messages, so that is what is simulated; see
// docs/testing.md for what that leaves out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace torc::sim {

enum class Dialect : uint8_t {
  kPrevious,  // knows no pulls, tells no client address
  kThis,
  kNext,  // adds fields this version does not know, and kinds of messages
};
std::string_view to_string(Dialect dialect);

/// The frame body as a node of that version would send it; nothing if it has no such message.
std::optional<std::string> spoken(Dialect dialect, std::string body);
/// The same for what it says about itself at a new connection.
std::string spoken_introduction(Dialect dialect, std::string introduction);
/// What a node of that version understands of a frame; nothing if it knows none of its messages.
std::optional<Bytes> understood(Dialect dialect, const Bytes& body);
/// A frame of a kind that only the next version has.
std::string frame_of_the_future();

}  // namespace torc::sim
