// The doors of a node: where each of them is, and how others are told.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "node/service.h"

namespace torc::net {

/// A host, without the brackets of an IPv6 address, and a port, as replies to cluster clients have them.
struct Place {
  std::string host;  // empty: not known
  uint16_t port = 0;

  bool is_known() const { return !host.empty() && port != 0; }
  friend bool operator==(const Place&, const Place&) = default;
};

/// Of host:port or [v6]:port; unknown if it is neither, or names no host that could be dialled (0.0.0.0, [::]).
Place place_of(std::string_view text);
/// An address to listen on that stands for every address of the machine.
bool is_wildcard(std::string_view host);

/// Where to listen, and for whom.
struct DoorOptions {
  node::Door door = node::Door::kAny;
  std::string host;
  uint16_t port = 0;      // 0: any free one
  std::string announced;  // host:port that clients are told; empty: the address by which they reached this node
};

/// A door that is open.
struct OpenDoor {
  node::Door door = node::Door::kAny;
  std::string host;  // in digits; empty: every address of the machine
  uint16_t port = 0;
  Place announced;

  /// How to name it to a client that came in by `came_by` and reached `local_address` (host:port).
  Place place_for(node::Door came_by, std::string_view local_address) const;
};

}  // namespace torc::net
