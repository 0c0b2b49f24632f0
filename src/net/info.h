// The text of INFO: what this node, its connections and its replica are doing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/time.h"
#include "node/service.h"

namespace torc::net {

/// The version of Redis whose behaviour clients may expect.
constexpr std::string_view kRedisVersion = "7.0.15";

/// Counters of one RESP server since its start.
struct RespStats {
  uint64_t connections_received = 0;
  uint64_t connections_rejected = 0;
  uint64_t commands = 0;
  uint64_t input_bytes = 0;
  uint64_t output_bytes = 0;
  uint64_t protocol_errors = 0;
  uint64_t buffer_limit_disconnections = 0;
};

struct InfoSource {
  const node::NodeStatus& node;
  const RespStats& stats;
  size_t clients = 0;
  size_t clients_max = 0;
  size_t buffered_bytes = 0;  // for all clients
  size_t buffered_bytes_max = 0;
  node::Door door = node::Door::kAny;  // by which the asking client came in
  uint16_t port = 0;                   // of that door
  Duration uptime{};
};

/// What clients compare with "cluster" to know with whom they speak.
std::string_view mode_of(node::Door door);

/// The named sections (any case), or all of them if none is named or one is "all", "default" or "everything".
std::string info_text(const InfoSource& source, std::span<const std::string_view> sections);

}  // namespace torc::net
