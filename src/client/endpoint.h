// Where a node listens, as people write it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace torc::client {

struct Endpoint {
  std::string host;
  uint16_t port = 0;

  /// host:port, an IPv6 address in brackets.
  std::string text() const;
  bool operator==(const Endpoint&) const = default;
};

/// `host:port` or `[v6]:port`. Errors: kInvalid, saying what is wrong with it.
Result<Endpoint> parse_endpoint(std::string_view text);
/// Several, separated by commas; a bare port belongs to the host before it: 127.0.0.1:7001,7002,7003.
/// Errors: kInvalid, also for an empty list.
Result<std::vector<Endpoint>> parse_endpoints(std::string_view text);

}  // namespace torc::client
