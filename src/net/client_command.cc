#include "net/client_command.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "net/client_set.h"
#include "net/resp_connection.h"
#include "wire/command_description.h"
#include "wire/resp_number.h"

namespace torc::net {
namespace {

using After = ConnectionCommands::After;
using Args = std::span<const std::string_view>;  // behind the subcommand
using wire::equals_ignoring_case;
using wire::RespEncoder;

constexpr size_t kQuotedBytesMax = 128;  // of a client's bytes in an error, as Redis

After answer_id(Args, RespConnection& self, ClientSet&, RespEncoder& out) {
  out.integer(static_cast<int64_t>(self.record().id));
  return After::kNothing;
}

After answer_name(Args, RespConnection& self, ClientSet&, RespEncoder& out) {
  const std::string& name = self.record().name;
  name.empty() ? out.nil() : out.bulk(name);
  return After::kNothing;
}

After set_name(Args args, RespConnection& self, ClientSet&, RespEncoder& out) {
  if (!is_valid_client_name(args[0])) {
    out.error(kInvalidClientName);
  } else {
    self.record().name = args[0];
    out.ok();
  }
  return After::kNothing;
}

After set_info(Args args, RespConnection& self, ClientSet&, RespEncoder& out) {
  const bool is_name = equals_ignoring_case(args[0], "LIB-NAME");
  if (!is_name && !equals_ignoring_case(args[0], "LIB-VER")) {
    out.error("ERR Unrecognized option '" + std::string(args[0].substr(0, kQuotedBytesMax)) + "'");
  } else if (!is_valid_client_name(args[1])) {
    out.error(std::string("ERR ") + (is_name ? "lib-name" : "lib-ver") +
              " cannot contain spaces, newlines or special characters.");
  } else {
    (is_name ? self.record().library_name : self.record().library_version) = args[1];
    out.ok();
  }
  return After::kNothing;
}

After answer_info(Args, RespConnection& self, ClientSet& clients, RespEncoder& out) {
  out.verbatim(describe(self.describe_now(), clients.loop().clock().now()) + "\n");
  return After::kNothing;
}

/// Clients of these types exist in Redis; here all are normal.
constexpr std::array<std::string_view, 5> kTypes = {"NORMAL", "MASTER", "SLAVE", "REPLICA", "PUBSUB"};

/// The error if there is no such type of client.
std::optional<std::string> check_type(std::string_view type) {
  const bool is_known = std::any_of(kTypes.begin(), kTypes.end(),
                                    [type](std::string_view known) { return equals_ignoring_case(type, known); });
  if (is_known) return std::nullopt;
  return "ERR Unknown client type '" + std::string(type.substr(0, kQuotedBytesMax)) + "'";
}

/// Ids as CLIENT LIST and CLIENT KILL take them.
std::optional<int64_t> parse_id(std::string_view text) {
  const std::optional<int64_t> id = wire::parse_integer(text);
  return id && *id > 0 ? id : std::nullopt;
}

/// CLIENT LIST [TYPE type | ID id ...]
After answer_list(Args args, RespConnection&, ClientSet& clients, RespEncoder& out) {
  const bool by_type = args.size() == 2 && equals_ignoring_case(args[0], "TYPE");
  const bool by_id = args.size() >= 2 && equals_ignoring_case(args[0], "ID");
  if (!args.empty() && !by_type && !by_id) return out.error("ERR syntax error"), After::kNothing;
  if (by_type) {
    if (const std::optional<std::string> error = check_type(args[1])) return out.error(*error), After::kNothing;
  }
  if (by_id && !std::all_of(args.begin() + 1, args.end(), [](std::string_view id) { return parse_id(id); })) {
    return out.error("ERR Invalid client ID"), After::kNothing;
  }
  const bool no_such_type = by_type && !equals_ignoring_case(args[1], "NORMAL");
  std::string lines;
  const Instant now = clients.loop().clock().now();
  for (const auto& [id, connection] : clients.connections()) {
    if (connection->is_closed() || no_such_type) continue;
    const std::string id_text = std::to_string(id);
    if (by_id && std::find(args.begin() + 1, args.end(), id_text) == args.end()) continue;
    lines += describe(connection->describe_now(), now) + "\n";
  }
  out.verbatim(lines);
  return After::kNothing;
}

struct KillFilter {
  std::optional<int64_t> id;
  std::optional<std::string_view> address;
  std::optional<std::string_view> local_address;
  bool matches_nobody = false;
  bool skip_me = true;

  bool matches(const ClientRecord& record) const {
    return !matches_nobody && (!id || static_cast<uint64_t>(*id) == record.id) &&
           (!address || *address == record.address) && (!local_address || *local_address == record.local_address);
  }
};

/// CLIENT KILL option value [option value ...]; the error if there is one.
std::optional<std::string> parse_kill(Args args, KillFilter& filter) {
  if (args.size() % 2 != 0) return "ERR syntax error";
  for (; !args.empty(); args = args.subspan(2)) {
    if (equals_ignoring_case(args[0], "ID")) {
      filter.id = parse_id(args[1]);
      if (!filter.id) return "ERR client-id should be greater than 0";
    } else if (equals_ignoring_case(args[0], "ADDR")) {
      filter.address = args[1];
    } else if (equals_ignoring_case(args[0], "LADDR")) {
      filter.local_address = args[1];
    } else if (equals_ignoring_case(args[0], "TYPE")) {
      if (std::optional<std::string> error = check_type(args[1])) return error;
      filter.matches_nobody = filter.matches_nobody || !equals_ignoring_case(args[1], "NORMAL");
    } else if (equals_ignoring_case(args[0], "USER")) {
      if (args[1] != "default") return "ERR No such user '" + std::string(args[1].substr(0, kQuotedBytesMax)) + "'";
    } else if (equals_ignoring_case(args[0], "SKIPME")) {
      filter.skip_me = !equals_ignoring_case(args[1], "NO");
      if (filter.skip_me && !equals_ignoring_case(args[1], "YES")) return "ERR syntax error";
    } else {
      return "ERR syntax error";
    }
  }
  return std::nullopt;
}

After kill(Args args, RespConnection& self, ClientSet& clients, RespEncoder& out) {
  KillFilter filter;
  const bool is_old_form = args.size() == 1;  // CLIENT KILL address
  if (is_old_form) {
    filter.address = args[0];
    filter.skip_me = false;
  } else if (const std::optional<std::string> error = parse_kill(args, filter)) {
    return out.error(*error), After::kNothing;
  }
  int64_t killed = 0;
  bool kills_self = false;
  for (const auto& [id, connection] : clients.connections()) {
    if (connection->is_closed() || !filter.matches(connection->record())) continue;
    if (connection.get() == &self) {
      if (filter.skip_me) continue;
      kills_self = true;
    } else {
      connection->close();
    }
    ++killed;
  }
  if (!is_old_form) {
    out.integer(killed);
  } else if (killed > 0) {
    out.ok();
  } else {
    out.error("ERR No such client");
  }
  return kills_self ? After::kClose : After::kNothing;
}

/// The two switches of a connection that change nothing here: no client is evicted, no access time is kept.
After set_switch(bool& value, Args args, RespEncoder& out) {
  value = equals_ignoring_case(args[0], "ON");
  value || equals_ignoring_case(args[0], "OFF") ? out.ok() : out.error("ERR syntax error");
  return After::kNothing;
}

After set_no_evict(Args args, RespConnection& self, ClientSet&, RespEncoder& out) {
  return set_switch(self.record().no_evict, args, out);
}

After set_no_touch(Args args, RespConnection& self, ClientSet&, RespEncoder& out) {
  return set_switch(self.record().no_touch, args, out);
}

After set_reply(Args args, RespConnection&, ClientSet&, RespEncoder& out) {
  if (equals_ignoring_case(args[0], "ON")) {
    out.ok();
  } else if (equals_ignoring_case(args[0], "OFF") || equals_ignoring_case(args[0], "SKIP")) {
    out.error("ERR only CLIENT REPLY ON is supported");
  } else {
    out.error("ERR syntax error");
  }
  return After::kNothing;
}

constexpr std::array<std::string_view, 10> kHelp = {
    "GETNAME: the name of this connection.",
    "ID: the id of this connection.",
    "INFO: this connection, as in LIST.",
    "KILL address | option value ...: closes connections; options are ID, ADDR, LADDR, TYPE, USER, SKIPME.",
    "LIST [TYPE type | ID id ...]: the connections to this node.",
    "NO-EVICT ON|OFF: changes nothing, no client is evicted.",
    "NO-TOUCH ON|OFF: changes nothing, no access times are kept.",
    "REPLY ON: changes nothing, every command is answered.",
    "SETINFO LIB-NAME|LIB-VER value: names the client's library.",
    "SETNAME name: names this connection.",
};

After answer_help(Args, RespConnection&, ClientSet&, RespEncoder& out) {
  wire::write_help("CLIENT", kHelp, out);
  return After::kNothing;
}

struct Subcommand {
  std::string_view name;
  size_t args_min;
  size_t args_max;
  After (*execute)(Args, RespConnection&, ClientSet&, RespEncoder&);
};

constexpr std::array kSubcommands = {
    Subcommand{"ID", 0, 0, answer_id},          Subcommand{"GETNAME", 0, 0, answer_name},
    Subcommand{"SETNAME", 1, 1, set_name},      Subcommand{"SETINFO", 2, 2, set_info},
    Subcommand{"INFO", 0, 0, answer_info},      Subcommand{"LIST", 0, SIZE_MAX, answer_list},
    Subcommand{"KILL", 1, SIZE_MAX, kill},      Subcommand{"NO-EVICT", 1, 1, set_no_evict},
    Subcommand{"NO-TOUCH", 1, 1, set_no_touch}, Subcommand{"REPLY", 1, 1, set_reply},
    Subcommand{"HELP", 0, 0, answer_help},
};

}  // namespace

bool is_valid_client_name(std::string_view name) {
  return name.size() <= kClientNameBytesMax &&
         std::all_of(name.begin(), name.end(), [](char c) { return c >= '!' && c <= '~'; });
}

After execute_client_command(std::span<const std::string_view> args, RespConnection& connection, ClientSet& clients,
                             RespEncoder& out) {
  for (const Subcommand& subcommand : kSubcommands) {
    if (!equals_ignoring_case(args[0], subcommand.name)) continue;
    const Args rest = args.subspan(1);
    if (rest.size() >= subcommand.args_min && rest.size() <= subcommand.args_max) {
      return subcommand.execute(rest, connection, clients, out);
    }
    out.error(wire::wrong_arity_error("client|" + std::string(subcommand.name)));
    return After::kNothing;
  }
  out.error(wire::unknown_subcommand_error("CLIENT", args[0]));
  return After::kNothing;
}

}  // namespace torc::net
