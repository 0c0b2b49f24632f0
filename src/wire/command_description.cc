#include "wire/command_description.h"

#include <array>
#include <string>
#include <vector>

#include "kv/limits.h"
#include "wire/command_table.h"

namespace torc::wire {
namespace {

constexpr std::string_view kFirstVersion = "1.0.0";  // of Torc: all commands are there from the start

constexpr std::array<std::string_view, 6> kHelp = {
    "(no subcommand): all commands with what COMMAND INFO says of them.",
    "COUNT: how many commands there are.",
    "DOCS [name ...]: a summary of these commands, of all without names.",
    "GETKEYS command [arg ...]: the keys among the arguments.",
    "INFO [name ...]: arity, flags and positions of keys of these commands, of all without names.",
    "LIST: the names of all commands.",
};

/// The ten fields of COMMAND INFO. Tips, key specifications and subcommands are empty: clients take keys by position.
void write_info(const CommandRow& row, RespEncoder& out) {
  const kv::CommandTraits& traits = row.traits;
  out.array(10);
  out.bulk(to_lower(traits.name));
  out.integer(traits.arity);
  if (row.is_data()) {
    out.set(traits.grows ? 2 : 1);
    out.status(traits.is_write ? "write" : "readonly");
    if (traits.grows) out.status("denyoom");
  } else {
    out.set(2);
    out.status("loading");
    out.status("stale");
  }
  out.integer(traits.first_key);
  out.integer(traits.last_key);
  out.integer(traits.key_step);
  out.set(1);
  out.status(!row.is_data() ? "@connection" : traits.is_write ? "@write" : "@read");
  out.array(0);
  out.array(0);
  out.array(0);
}

void write_docs(const CommandRow& row, RespEncoder& out) {
  out.bulk(to_lower(row.traits.name));
  out.map(3);
  out.bulk("summary");
  out.bulk(row.traits.summary);
  out.bulk("since");
  out.bulk(kFirstVersion);
  out.bulk("group");
  out.bulk(row.is_data() ? "string" : "connection");
}

/// One line of names may ask for the same description again and again: a reply has a limit like any other's.
bool is_too_much(std::span<const std::string_view> names, RespEncoder& out) {
  constexpr size_t kDescriptionBytesMax = 512;
  if (names.size() <= kv::kReplyBytesMax / kDescriptionBytesMax) return false;
  out.error("ERR too many names");
  return true;
}

void answer_info(std::span<const std::string_view> names, RespEncoder& out) {
  if (is_too_much(names, out)) return;
  out.array(names.size());
  for (std::string_view name : names) {
    const CommandRow* row = find_command(name);
    row != nullptr ? write_info(*row, out) : out.nil();
  }
}

void answer_all(RespEncoder& out) {
  out.array(command_rows().size());
  for (const CommandRow& row : command_rows()) write_info(row, out);
}

void answer_docs(std::span<const std::string_view> names, RespEncoder& out) {
  if (names.empty()) {
    out.map(command_rows().size());
    for (const CommandRow& row : command_rows()) write_docs(row, out);
    return;
  }
  if (is_too_much(names, out)) return;
  std::vector<const CommandRow*> known;  // unknown names are left out, as Redis does
  for (std::string_view name : names) {
    if (const CommandRow* row = find_command(name)) known.push_back(row);
  }
  out.map(known.size());
  for (const CommandRow* row : known) write_docs(*row, out);
}

void answer_list(RespEncoder& out) {
  out.array(command_rows().size());
  for (const CommandRow& row : command_rows()) out.bulk(to_lower(row.traits.name));
}

void answer_keys(std::span<const std::string_view> command, RespEncoder& out) {
  const CommandRow* row = find_command(command[0]);
  if (row == nullptr) return out.error("ERR Invalid command specified");
  if (row->traits.first_key == 0) return out.error("ERR The command has no key arguments");
  if (!row->accepts(command.size())) return out.error("ERR Invalid number of arguments specified for command");
  const std::vector<std::string_view> keys = keys_of(*row, command.subspan(1));
  out.array(keys.size());
  for (std::string_view key : keys) out.bulk(key);
}

}  // namespace

void write_help(std::string_view command, std::span<const std::string_view> lines, RespEncoder& out) {
  out.array(lines.size() + 1);
  out.status(std::string(command) + " <subcommand> [<arg> ...]. Subcommands are:");
  for (std::string_view line : lines) out.status(line);
}

void describe_commands(std::span<const std::string_view> args, RespEncoder& out) {
  if (args.empty()) return answer_all(out);
  const std::span<const std::string_view> rest = args.subspan(1);
  if (equals_ignoring_case(args[0], "COUNT") && rest.empty()) {
    return out.integer(static_cast<int64_t>(command_rows().size()));
  }
  if (equals_ignoring_case(args[0], "INFO")) return rest.empty() ? answer_all(out) : answer_info(rest, out);
  if (equals_ignoring_case(args[0], "DOCS")) return answer_docs(rest, out);
  if (equals_ignoring_case(args[0], "LIST") && rest.empty()) return answer_list(out);
  if (equals_ignoring_case(args[0], "GETKEYS") && rest.size() >= 2) return answer_keys(rest, out);
  if (equals_ignoring_case(args[0], "HELP") && rest.empty()) return write_help("COMMAND", kHelp, out);
  if (equals_ignoring_case(args[0], "LIST")) return out.error("ERR syntax error");
  for (std::string_view known : {"COUNT", "GETKEYS", "HELP"}) {
    if (equals_ignoring_case(args[0], known)) return out.error(wrong_arity_error("command|" + std::string(known)));
  }
  out.error(unknown_subcommand_error("COMMAND", args[0]));
}

}  // namespace torc::wire
