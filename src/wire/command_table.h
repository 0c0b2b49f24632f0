// Every command a client may send, as rows: the data commands of kv and those that concern only the connection.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kv/command.h"

namespace torc::wire {

/// Commands that the node serving the connection answers itself.
enum class ConnectionCommand : uint8_t {
  kNone,  // a data command
  kPing,
  kEcho,
  kSelect,
  kQuit,
  kReset,
  kHello,
  kAuth,
  kClient,
  kCommand,
  kInfo,
  kConfig,
  kCluster,
  kAsking,
  kReadOnly,
  kReadWrite,
  kTorcSession,  // TORC.SESSION NEW
  kTorcCall,     // TORC.CALL session sequence floor attempt command [arg ...]
};

struct CommandRow {
  ConnectionCommand connection = ConnectionCommand::kNone;
  kv::CommandTraits traits;  // connection-level rows: id kNone, no keys

  bool is_data() const { return connection == ConnectionCommand::kNone; }
  /// `argc` counts the name.
  bool accepts(size_t argc) const {
    return traits.arity >= 0 ? argc == static_cast<size_t>(traits.arity) : argc >= static_cast<size_t>(-traits.arity);
  }
};

/// The row of a name in any case, or null. About as cheap as a hash of 16 bytes and one comparison.
const CommandRow* find_command(std::string_view name);
/// All rows: data commands in the order of their ids, then the others.
std::span<const CommandRow> command_rows();

/// The keys of a command (`args` without the name), as views into `args`.
std::vector<std::string_view> keys_of(const CommandRow& row, std::span<const std::string_view> args);

/// Errors in Redis's words, without the leading '-'. `args`: the name first.
std::string unknown_command_error(std::span<const std::string_view> args);
/// `name` as the row has it; a subcommand is written "client|kill".
std::string wrong_arity_error(std::string_view name);
std::string unknown_subcommand_error(std::string_view command, std::string_view subcommand);

/// Compares without regard to the case of ASCII letters; `upper` is in upper case.
bool equals_ignoring_case(std::string_view text, std::string_view upper);
std::string to_lower(std::string_view text);

}  // namespace torc::wire
