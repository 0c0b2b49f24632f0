// CONFIG: settings as Redis names them, with the values that are true here. They are fixed while the server runs.
#pragma once

#include <span>
#include <string_view>

#include "node/service.h"
#include "wire/resp_encoder.h"

namespace torc::net {

class ClientSet;

/// Writes exactly one reply. `args` without the name CONFIG; not empty. `door`: by which the client came in.
void execute_config_command(std::span<const std::string_view> args, node::Door door, ClientSet& clients,
                            wire::RespEncoder& out);

}  // namespace torc::net
