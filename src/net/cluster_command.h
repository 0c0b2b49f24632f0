// CLUSTER: who serves which slots, told at either door.
#pragma once

#include <span>
#include <string_view>

#include "net/client_record.h"
#include "wire/command_table.h"
#include "wire/resp_encoder.h"

namespace torc::net {

class ClientSet;

/// Writes exactly one reply. `args` without the name CLUSTER; not empty.
/// Requires: slot_query_of(args) is null.
void execute_cluster_command(std::span<const std::string_view> args, const ClientRecord& client, ClientSet& clients,
                             wire::RespEncoder& out);

/// The data command behind COUNTKEYSINSLOT and GETKEYSINSLOT, which ask a group's state: its arguments are those behind
/// the subcommand. Null if `args` are something else, or too many or too few.
const wire::CommandRow* slot_query_of(std::span<const std::string_view> args);

}  // namespace torc::net
