// What is known about one connected client: CLIENT INFO, CLIENT LIST.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"
#include "node/service.h"

namespace torc::net {

struct ClientRecord {
  uint64_t id = 0;
  int descriptor = -1;
  node::Door door = node::Door::kAny;
  std::string address;        // host:port of the client
  std::string local_address;  // host:port it connected to
  std::string name;           // CLIENT SETNAME; empty: none
  std::string library_name;   // CLIENT SETINFO
  std::string library_version;
  std::string_view last_command;  // a name of the command table
  Instant connected_at;
  Instant last_active_at;
  bool no_evict = false;
  bool no_touch = false;
  bool is_readonly = false;  // READONLY: at the cluster door, wants its reads answered here
  int protocol = 2;
  size_t input_bytes = 0;
  size_t output_bytes = 0;
};

/// One line of CLIENT LIST, without the line break.
std::string describe(const ClientRecord& client, Instant now);

}  // namespace torc::net
