// CLIENT: names, describes, lists and closes connections.
#pragma once

#include <span>
#include <string_view>

#include "net/connection_commands.h"
#include "wire/resp_encoder.h"

namespace torc::net {

constexpr std::string_view kInvalidClientName =
    "ERR Client names cannot contain spaces, newlines or special characters.";
constexpr size_t kClientNameBytesMax = 1024;

/// Printable ASCII without spaces, so that CLIENT LIST stays one line of fields.
bool is_valid_client_name(std::string_view name);

/// Writes exactly one reply. `args` without the name CLIENT; not empty.
ConnectionCommands::After execute_client_command(std::span<const std::string_view> args, RespConnection& connection,
                                                 ClientSet& clients, wire::RespEncoder& out);

}  // namespace torc::net
