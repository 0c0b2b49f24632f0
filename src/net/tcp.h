// Sockets made ready for the loop: listening, connecting, naming.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace torc::net {

struct HostPort {
  std::string host;
  std::string port;
};
/// Splits "host:port" or "[v6]:port". Errors: kInvalid.
Result<HostPort> parse_host_port(std::string_view text);

/// A non-blocking listening socket (port 0: any free one). The caller owns the descriptor.
/// Errors: kInvalid for a host that cannot be resolved, kIo when the port is taken.
Result<int> open_listener(const std::string& host, uint16_t port);

struct Dialed {
  int descriptor = -1;
  bool is_connecting = false;  // writable once the connection stands or failed (SO_ERROR)
};
/// Starts connecting a non-blocking socket. Blocks only to resolve a name. Errors: kInvalid, kIo.
Result<Dialed> dial(const HostPort& to);

/// Port a socket is bound to.
uint16_t local_port_of(int descriptor);
/// Small messages leave at once.
void set_no_delay(int descriptor);
/// A connection whose other side answers nothing for `timeout_ms` is reported as broken.
void set_dead_peer_timeout(int descriptor, unsigned timeout_ms);

}  // namespace torc::net
