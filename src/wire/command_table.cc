#include "wire/command_table.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"

namespace torc::wire {
namespace {

using kv::CommandTraits;

constexpr CommandRow connection_row(ConnectionCommand connection, std::string_view name, int arity,
                                    std::string_view summary) {
  return {connection, CommandTraits{.name = name, .arity = arity, .summary = summary}};
}

constexpr std::array kConnectionRows = {
    connection_row(ConnectionCommand::kPing, "PING", -1, "Answers PONG, or the given message"),
    connection_row(ConnectionCommand::kEcho, "ECHO", 2, "Answers the given message"),
    connection_row(ConnectionCommand::kSelect, "SELECT", 2, "Accepts database 0, the only one"),
    connection_row(ConnectionCommand::kQuit, "QUIT", -1, "Closes the connection"),
    connection_row(ConnectionCommand::kReset, "RESET", 1, "Puts the connection back into its first state"),
    connection_row(ConnectionCommand::kHello, "HELLO", -1, "Switches the protocol and describes the server"),
    connection_row(ConnectionCommand::kAuth, "AUTH", -2, "Accepts the default user, who has no password"),
    connection_row(ConnectionCommand::kClient, "CLIENT", -2, "Names, describes, lists and closes connections"),
    connection_row(ConnectionCommand::kCommand, "COMMAND", -1, "Describes the commands of this server"),
    connection_row(ConnectionCommand::kInfo, "INFO", -1, "Describes the server and its replica"),
    connection_row(ConnectionCommand::kConfig, "CONFIG", -2, "Answers settings; nothing can be set at run time"),
    connection_row(ConnectionCommand::kCluster, "CLUSTER", -2, "Tells which nodes serve which slots"),
    connection_row(ConnectionCommand::kAsking, "ASKING", 1, "Accepted: slots do not move while they are served"),
    connection_row(ConnectionCommand::kReadOnly, "READONLY", 1, "Reads at the cluster door are answered by any node"),
    connection_row(ConnectionCommand::kReadWrite, "READWRITE", 1, "Takes READONLY back"),
    connection_row(ConnectionCommand::kTorcSession, "TORC.SESSION", 2, "NEW: draws the id of a session for TORC.CALL"),
    connection_row(ConnectionCommand::kTorcCall, "TORC.CALL", -6, "Executes a command of a session exactly once"),
};

constexpr size_t kSlots = 512;  // several times the rows: probes are rare
constexpr size_t kNameBytesMax = 16;
constexpr char kCaseBit = 0x20;

constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr char upper(char c) { return is_lower(c) ? static_cast<char>(c - kCaseBit) : c; }

/// Length and first and last up to eight bytes, without the case bit; equal for names that differ only in case.
size_t slot_of_name(std::string_view name) {
  constexpr uint64_t kWithoutCase = 0xdfdfdfdfdfdfdfdfu;
  uint64_t head = 0;
  uint64_t tail = 0;
  const size_t count = std::min<size_t>(name.size(), 8);
  std::memcpy(&head, name.data(), count);
  std::memcpy(&tail, name.data() + name.size() - count, count);
  const uint64_t mixed = ((head & kWithoutCase) * 0x9e3779b97f4a7c15u) ^ ((tail & kWithoutCase) + name.size());
  return (mixed * 0xbf58476d1ce4e5b9u) >> 55;
}
static_assert(kSlots == 1u << (64 - 55));

class Table {
 public:
  Table() {
    for (const CommandTraits& traits : kv::command_traits()) rows_.push_back({ConnectionCommand::kNone, traits});
    rows_.insert(rows_.end(), kConnectionRows.begin(), kConnectionRows.end());
    CHECK(rows_.size() < kSlots / 2) << rows_.size();
    for (size_t row = 0; row < rows_.size(); ++row) {
      const std::string_view name = rows_[row].traits.name;
      CHECK(!name.empty() && name.size() <= kNameBytesMax) << name;
      CHECK(find(name) == nullptr) << "two commands called " << name;
      size_t slot = slot_of_name(name);
      while (slots_[slot] != 0) slot = (slot + 1) % kSlots;
      slots_[slot] = static_cast<uint16_t>(row + 1);
    }
  }

  const CommandRow* find(std::string_view name) const {
    if (name.empty() || name.size() > kNameBytesMax) return nullptr;
    for (size_t slot = slot_of_name(name); slots_[slot] != 0; slot = (slot + 1) % kSlots) {
      const CommandRow& row = rows_[slots_[slot] - 1u];
      if (equals_ignoring_case(name, row.traits.name)) return &row;
    }
    return nullptr;
  }
  std::span<const CommandRow> rows() const { return rows_; }

 private:
  std::vector<CommandRow> rows_;
  std::array<uint16_t, kSlots> slots_{};  // row + 1; 0: free
};

const Table& table() {
  static const Table instance;
  return instance;
}

constexpr size_t kQuotedBytesMax = 128;  // of a client's bytes in an error, as Redis

}  // namespace

const CommandRow* find_command(std::string_view name) { return table().find(name); }

std::span<const CommandRow> command_rows() { return table().rows(); }

std::vector<std::string_view> keys_of(const CommandRow& row, std::span<const std::string_view> args) {
  std::vector<std::string_view> keys;
  const CommandTraits& traits = row.traits;
  if (traits.first_key == 0) return keys;
  const auto argc = static_cast<int64_t>(args.size()) + 1;  // positions count the name
  const int64_t last = traits.last_key < 0 ? argc + traits.last_key : traits.last_key;
  for (int64_t i = traits.first_key; i <= last && i < argc; i += traits.key_step) {
    keys.push_back(args[static_cast<size_t>(i - 1)]);
  }
  return keys;
}

std::string unknown_command_error(std::span<const std::string_view> args) {
  std::string quoted;
  for (size_t i = 1; i < args.size() && quoted.size() < kQuotedBytesMax; ++i) {
    const size_t room = kQuotedBytesMax - quoted.size();
    quoted.append("'").append(args[i].substr(0, room)).append("' ");
  }
  std::string error = "ERR unknown command '";
  return error.append(args[0].substr(0, kQuotedBytesMax)).append("', with args beginning with: ").append(quoted);
}

std::string unknown_subcommand_error(std::string_view command, std::string_view subcommand) {
  std::string error = "ERR unknown subcommand '";
  return error.append(subcommand.substr(0, kQuotedBytesMax)).append("'. Try ").append(command).append(" HELP.");
}

std::string wrong_arity_error(std::string_view name) {
  return "ERR wrong number of arguments for '" + to_lower(name) + "' command";
}

bool equals_ignoring_case(std::string_view text, std::string_view upper_text) {
  return text.size() == upper_text.size() &&
         std::equal(text.begin(), text.end(), upper_text.begin(), [](char a, char b) { return upper(a) == b; });
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + kCaseBit);
  }
  return lower;
}

}  // namespace torc::wire
