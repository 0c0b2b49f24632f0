// Commands that concern the connection or the server, not the data: answered at once by the node that was asked.
#pragma once

#include <span>
#include <string_view>

#include "node/service.h"
#include "wire/command_table.h"
#include "wire/resp_encoder.h"

namespace torc::net {

class ClientSet;
class RespConnection;

class ConnectionCommands {
 public:
  explicit ConnectionCommands(ClientSet& clients) : clients_(clients) {}

  enum class After { kNothing, kClose };
  /// Writes exactly one reply. `args` without the name.
  /// Requires: the arity was checked; the row is neither a data command nor one of TORC.*. HELLO and RESET: everything
  /// before has been answered, for they switch the version of `out`.
  After execute(const wire::CommandRow& row, std::span<const std::string_view> args, RespConnection& connection,
                wire::RespEncoder& out);

 private:
  void ping(std::span<const std::string_view> args, wire::RespEncoder& out);
  void select(std::string_view database, node::Door door, wire::RespEncoder& out);
  void auth(std::span<const std::string_view> args, wire::RespEncoder& out);
  void hello(std::span<const std::string_view> args, RespConnection& connection, wire::RespEncoder& out);
  void reset(RespConnection& connection, wire::RespEncoder& out);
  void info(std::span<const std::string_view> sections, node::Door door, wire::RespEncoder& out);

  ClientSet& clients_;
};

}  // namespace torc::net
