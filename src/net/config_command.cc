#include "net/config_command.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/glob_pattern.h"
#include "net/client_set.h"
#include "wire/command_description.h"
#include "wire/command_table.h"
#include "wire/resp_parser.h"

namespace torc::net {
namespace {

constexpr std::array<std::string_view, 3> kHelp = {
    "GET pattern [pattern ...]: the settings whose names match.",
    "RESETSTAT: sets the counters of INFO stats to 0.",
    "SET: refused, settings are fixed while the server runs.",
};

/// Names are short; matching a pattern of megabytes against them would hold everybody up.
constexpr size_t kPatternBytesMax = 256;

std::string seconds(Duration d) { return std::to_string(std::chrono::ceil<std::chrono::seconds>(d).count()); }

using Settings = std::vector<std::pair<std::string_view, std::string>>;

Settings settings_of(ClientSet& clients, const RespLimits& limits, node::Door door) {
  return {
      {"appendfsync", "always"},  // every write is on the disks of a majority before its reply
      {"appendonly", "yes"},
      {"cluster-enabled", door == node::Door::kCluster ? "yes" : "no"},
      {"databases", "1"},
      {"maxclients", std::to_string(limits.clients_max)},
      {"maxmemory", std::to_string(clients.service().status().memory_max)},
      {"maxmemory-policy", "noeviction"},
      {"port", std::to_string(clients.port(door))},
      {"proto-max-bulk-len", std::to_string(wire::kBulkBytesMax)},
      {"requirepass", ""},
      {"save", ""},
      {"tcp-keepalive", seconds(limits.keepalive)},
      {"timeout", seconds(limits.idle_timeout)},
  };
}

void answer_settings(std::span<const std::string_view> patterns, node::Door door, ClientSet& clients,
                     wire::RespEncoder& out) {
  Settings settings = settings_of(clients, clients.limits(), door);
  std::erase_if(settings, [&](const auto& setting) {
    return std::none_of(patterns.begin(), patterns.end(), [&](std::string_view pattern) {
      return pattern.size() <= kPatternBytesMax && matches_glob(pattern, setting.first, LetterCase::kIgnored);
    });
  });
  out.map(settings.size());
  for (const auto& [name, value] : settings) {
    out.bulk(name);
    out.bulk(value);
  }
}

/// `name`: the first setting of CONFIG SET.
void refuse_to_set(std::string_view name, node::Door door, ClientSet& clients, wire::RespEncoder& out) {
  const Settings settings = settings_of(clients, clients.limits(), door);
  const bool is_known = std::any_of(settings.begin(), settings.end(),
                                    [name](const auto& setting) { return wire::to_lower(name) == setting.first; });
  if (!is_known) {
    return out.error("ERR Unknown option or number of arguments for CONFIG SET - '" + std::string(name.substr(0, 128)) +
                     "'");
  }
  out.error("ERR CONFIG SET failed - settings are fixed while the server runs, see torc serve --help");
}

}  // namespace

void execute_config_command(std::span<const std::string_view> args, node::Door door, ClientSet& clients,
                            wire::RespEncoder& out) {
  const std::span<const std::string_view> rest = args.subspan(1);
  if (wire::equals_ignoring_case(args[0], "GET")) {
    return rest.empty() ? out.error(wire::wrong_arity_error("config|get")) : answer_settings(rest, door, clients, out);
  }
  if (wire::equals_ignoring_case(args[0], "SET")) {
    if (rest.size() < 2) return out.error(wire::wrong_arity_error("config|set"));
    if (rest.size() % 2 != 0) return out.error("ERR syntax error");
    return refuse_to_set(rest[0], door, clients, out);
  }
  if (wire::equals_ignoring_case(args[0], "RESETSTAT")) {
    if (!rest.empty()) return out.error(wire::wrong_arity_error("config|resetstat"));
    clients.stats() = {};
    return out.ok();
  }
  if (wire::equals_ignoring_case(args[0], "HELP")) {
    if (!rest.empty()) return out.error(wire::wrong_arity_error("config|help"));
    return wire::write_help("CONFIG", kHelp, out);
  }
  out.error(wire::unknown_subcommand_error("CONFIG", args[0]));
}

}  // namespace torc::net
