#include "net/connection_commands.h"

#include <cstdint>
#include <optional>
#include <string>

#include "net/client_command.h"
#include "net/client_set.h"
#include "net/cluster_command.h"
#include "net/config_command.h"
#include "net/info.h"
#include "net/resp_connection.h"
#include "wire/command_description.h"
#include "wire/resp_number.h"

namespace torc::net {
namespace {

using wire::ConnectionCommand;
using wire::equals_ignoring_case;
using wire::RespEncoder;
using wire::RespVersion;

constexpr std::string_view kWrongPassword = "WRONGPASS invalid username-password pair or user is disabled.";

/// The options of HELLO behind the version.
struct HelloOptions {
  std::optional<std::string_view> user;
  std::optional<std::string_view> name;
  std::optional<std::string_view> unknown;  // first option that was not understood
};

HelloOptions parse_hello(std::span<const std::string_view> options) {
  HelloOptions parsed;
  while (!options.empty()) {
    if (equals_ignoring_case(options[0], "AUTH") && options.size() >= 3) {
      parsed.user = options[1];
      options = options.subspan(3);
    } else if (equals_ignoring_case(options[0], "SETNAME") && options.size() >= 2) {
      parsed.name = options[1];
      options = options.subspan(2);
    } else {
      parsed.unknown = options[0];
      break;
    }
  }
  return parsed;
}

void describe_server(const ClientRecord& client, RespEncoder& out) {
  out.map(7);
  out.bulk("server");
  out.bulk("redis");  // what clients compare it with
  out.bulk("version");
  out.bulk(kRedisVersion);
  out.bulk("proto");
  out.integer(static_cast<int64_t>(out.version()));
  out.bulk("id");
  out.integer(static_cast<int64_t>(client.id));
  out.bulk("mode");
  out.bulk(mode_of(client.door));
  out.bulk("role");
  out.bulk("master");
  out.bulk("modules");
  out.array(0);
}

}  // namespace

ConnectionCommands::After ConnectionCommands::execute(const wire::CommandRow& row,
                                                      std::span<const std::string_view> args,
                                                      RespConnection& connection, RespEncoder& out) {
  switch (row.connection) {
    case ConnectionCommand::kPing:
      ping(args, out);
      break;
    case ConnectionCommand::kEcho:
      out.bulk(args[0]);
      break;
    case ConnectionCommand::kSelect:
      select(args[0], connection.record().door, out);
      break;
    case ConnectionCommand::kQuit:
      out.ok();
      return After::kClose;
    case ConnectionCommand::kReset:
      reset(connection, out);
      break;
    case ConnectionCommand::kHello:
      hello(args, connection, out);
      break;
    case ConnectionCommand::kAuth:
      auth(args, out);
      break;
    case ConnectionCommand::kClient:
      return execute_client_command(args, connection, clients_, out);
    case ConnectionCommand::kCommand:
      wire::describe_commands(args, out);
      break;
    case ConnectionCommand::kInfo:
      info(args, connection.record().door, out);
      break;
    case ConnectionCommand::kConfig:
      execute_config_command(args, connection.record().door, clients_, out);
      break;
    case ConnectionCommand::kCluster:
      execute_cluster_command(args, connection.record(), clients_, out);
      break;
    case ConnectionCommand::kAsking:
      out.ok();
      break;
    case ConnectionCommand::kReadOnly:
    case ConnectionCommand::kReadWrite:
      connection.record().is_readonly = row.connection == ConnectionCommand::kReadOnly;
      out.ok();
      break;
    case ConnectionCommand::kNone:
    case ConnectionCommand::kTorcSession:
    case ConnectionCommand::kTorcCall:
      CHECK(false) << row.traits.name << " is not answered here";
  }
  return After::kNothing;
}

void ConnectionCommands::ping(std::span<const std::string_view> args, RespEncoder& out) {
  if (args.empty()) return out.status("PONG");
  if (args.size() > 1) return out.error(wire::wrong_arity_error("PING"));
  out.bulk(args[0]);
}

void ConnectionCommands::select(std::string_view database, node::Door door, RespEncoder& out) {
  const std::optional<int64_t> number = wire::parse_integer(database);
  if (!number) return out.error("ERR value is not an integer or out of range");
  if (*number < INT32_MIN || *number > INT32_MAX) {
    return out.error("ERR value is out of range, value must between -2147483648 and 2147483647");
  }
  if (*number != 0 && door == node::Door::kCluster) return out.error("ERR SELECT is not allowed in cluster mode");
  if (*number != 0) return out.error("ERR DB index is out of range");
  out.ok();
}

void ConnectionCommands::auth(std::span<const std::string_view> args, RespEncoder& out) {
  if (args.size() == 1) {
    return out.error(
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
        "configuration is correct?");
  }
  if (args.size() > 2) return out.error("ERR syntax error");
  // The default user has no password, so any is right, as in Redis.
  if (args[0] != "default") return out.error(kWrongPassword);
  out.ok();
}

void ConnectionCommands::hello(std::span<const std::string_view> args, RespConnection& connection, RespEncoder& out) {
  std::optional<RespVersion> version;
  if (!args.empty()) {
    const std::optional<int64_t> number = wire::parse_integer(args[0]);
    if (!number) return out.error("ERR Protocol version is not an integer or out of range");
    if (*number != 2 && *number != 3) return out.error("NOPROTO unsupported protocol version");
    version = *number == 2 ? RespVersion::kResp2 : RespVersion::kResp3;
    args = args.subspan(1);
  }
  const HelloOptions options = parse_hello(args);
  if (options.unknown) {
    return out.error("ERR Syntax error in HELLO option '" + std::string(options.unknown->substr(0, 128)) + "'");
  }
  if (options.user && *options.user != "default") return out.error(kWrongPassword);
  if (options.name && !is_valid_client_name(*options.name)) return out.error(kInvalidClientName);
  if (options.name) connection.record().name = *options.name;
  if (version) out.switch_version(*version);
  describe_server(connection.record(), out);
}

void ConnectionCommands::reset(RespConnection& connection, RespEncoder& out) {
  ClientRecord& record = connection.record();
  record.name.clear();
  record.no_evict = record.no_touch = record.is_readonly = false;
  out.switch_version(RespVersion::kResp2);
  out.status("RESET");
}

void ConnectionCommands::info(std::span<const std::string_view> sections, node::Door door, RespEncoder& out) {
  const node::NodeStatus status = clients_.service().status();
  const InfoSource source{.node = status,
                          .stats = clients_.stats(),
                          .clients = clients_.size(),
                          .clients_max = clients_.limits().clients_max,
                          .buffered_bytes = clients_.buffered_bytes(),
                          .buffered_bytes_max = clients_.limits().buffered_bytes_max,
                          .door = door,
                          .port = clients_.port(door),
                          .uptime = clients_.loop().clock().now() - clients_.started_at()};
  out.verbatim(info_text(source, sections));
}

}  // namespace torc::net
