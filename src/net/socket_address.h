// Addresses as operators write them ("host:port", "[::1]:port") and the TCP sockets behind them.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace torc::net {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t bytes = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  /// "127.0.0.1:7001", "[::1]:7001".
  std::string text() const;
  /// Without the port.
  std::string host_text() const;
};

/// Whether `text` has the form host:port; the name need not exist. Errors: kInvalid.
Status check_address(const std::string& text);
/// Where to listen: of a name with both kinds of addresses the IPv4 one. A name costs a blocking look-up.
/// Errors: kInvalid (syntax), kNotFound (name).
Result<SocketAddress> resolve(const std::string& text);
/// Where to dial, in the order in which to try. Blocking. Errors: as resolve().
Result<std::vector<SocketAddress>> resolve_all(const std::string& text);
/// The address if its host is written in digits, so that nobody has to be asked.
std::optional<SocketAddress> numeric_address(const std::string& text);

/// A non-blocking listening socket. Errors, with the address in the message: kUnavailable if the port is taken, kIo.
Result<int> listen_on(const SocketAddress& address, const std::string& text);
uint16_t local_port(int fd);
/// The other end of a connection.
SocketAddress remote_address(int fd);

/// A non-blocking socket whose connection is under way. Errors: kUnavailable.
Result<int> start_connect(const SocketAddress& address);
/// 0 once a connection under way is established, otherwise its errno.
int connect_error(int fd);
/// On Linux a socket that dials a free local port may be given that port as its own, and then reaches itself.
bool is_connected_to_itself(int fd);
/// The connection is reset when it is closed, and holds its port no longer.
void close_at_once(int fd);

/// What both ends of a peer connection want: no Nagle delay, and a dead peer noticed within seconds.
void tune_peer_socket(int fd);

}  // namespace torc::net
