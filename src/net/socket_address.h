// Addresses as operators write them ("host:port", "[::1]:port") and the TCP sockets behind them.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "base/result.h"

namespace torc::net {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t bytes = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// Resolves `text`; a name costs a blocking look-up, so only at start. Errors: kInvalid (syntax), kNotFound (name).
Result<SocketAddress> resolve(const std::string& text);

/// A non-blocking listening socket. Errors: kIo, with the address in the message.
Result<int> listen_on(const SocketAddress& address, const std::string& text);
uint16_t local_port(int fd);

/// A non-blocking socket whose connection is under way. Errors: kUnavailable.
Result<int> start_connect(const SocketAddress& address);
/// 0 once a connection under way is established, otherwise its errno.
int connect_error(int fd);

/// What both ends of a peer connection want: no Nagle delay, and a dead peer noticed within seconds.
void tune_peer_socket(int fd);

}  // namespace torc::net
