#include "net/client_record.h"

#include <chrono>

#include "wire/command_table.h"

namespace torc::net {
namespace {

std::string seconds(Duration d) { return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(d).count()); }

}  // namespace

std::string describe(const ClientRecord& client, Instant now) {
  std::string line = "id=" + std::to_string(client.id);
  const auto field = [&line](std::string_view name, std::string_view value) {
    line.append(" ").append(name).append("=").append(value);
  };
  field("addr", client.address);
  field("laddr", client.local_address);
  field("fd", std::to_string(client.descriptor));
  field("name", client.name);
  field("age", seconds(now - client.connected_at));
  field("idle", seconds(now - client.last_active_at));
  field("flags", client.is_readonly ? "r" : "N");
  field("db", "0");
  field("qbuf", std::to_string(client.input_bytes));
  field("omem", std::to_string(client.output_bytes));
  field("cmd", wire::to_lower(client.last_command));
  field("user", "default");
  field("resp", std::to_string(client.protocol));
  field("lib-name", client.library_name);
  field("lib-ver", client.library_version);
  return line;
}

}  // namespace torc::net
