#include "cli/cluster_report.h"

#include <charconv>
#include <cstdio>
#include <utility>

#include "cli/node_report.h"
#include "cli/text_table.h"
#include "client/resp_connection.h"

namespace torc::cli {
namespace {

constexpr size_t kIdDigits = 16;  // of the node's number, at the beginning of its id

uint64_t number_in(std::string_view text, int base = 10) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number, base);
  return number;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = text.find(separator);
    if (end != 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

uint32_t count_slots(std::string_view range) {
  const size_t dash = range.find('-');
  if (dash == std::string_view::npos) return 1;
  return static_cast<uint32_t>(number_in(range.substr(dash + 1)) - number_in(range.substr(0, dash)) + 1);
}

std::string quoted(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    json += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return json + "\"";
}

/// One object a line, so that line tools can be used too.
std::string json_of(const std::vector<std::vector<std::pair<std::string_view, std::string>>>& objects) {
  std::string json = "[";
  for (size_t i = 0; i < objects.size(); ++i) {
    json += i == 0 ? "\n  {" : ",\n  {";
    for (size_t j = 0; j < objects[i].size(); ++j) {
      json += (j == 0 ? "" : ", ") + quoted(objects[i][j].first) + ": " + objects[i][j].second;
    }
    json += "}";
  }
  return json + "\n]\n";
}

std::string number_or_null(const std::string& digits) {
  const bool is_number = !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos;
  return is_number ? digits : "null";
}

std::string leader_or_dash(const ArcReport& arc) { return arc.leader == "0" || arc.leader.empty() ? "-" : arc.leader; }

/// The first node that answers.
Result<std::string> ask(const ClusterOptions& options, std::span<const std::string_view> request) {
  Error last{ErrorCode::kUnavailable, "no node was named"};
  for (const client::Endpoint& node : options.nodes) {
    const auto deadline = std::chrono::steady_clock::now() + options.timeout;
    auto connection = client::RespConnection::connect(node, deadline);
    if (!connection.ok()) {
      last = connection.error();
      continue;
    }
    auto reply = connection->call(request, deadline);
    if (reply.ok() && !reply->is_error()) return std::move(reply->text);
    last = reply.ok() ? Error{ErrorCode::kInvalid, node.text() + ": " + reply->text} : reply.error();
  }
  return last;
}

}  // namespace

std::vector<ArcReport> read_arcs(std::string_view info) {
  std::vector<ArcReport> arcs;
  for (std::string_view line : split(info, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    const size_t colon = line.find(':');
    if (!line.starts_with("group") || colon == std::string_view::npos) continue;
    const std::string_view fields = line.substr(colon + 1);
    const auto field = [fields](std::string_view name) { return std::string(attribute(fields, name)); };
    arcs.push_back({field("slots"), std::string(line.substr(5, colon - 5)), field("role"), field("leader"),
                    field("term"), field("commit"), field("keys")});
  }
  return arcs;
}

std::vector<MemberReport> read_members(std::string_view nodes) {
  std::vector<MemberReport> members;
  for (const std::string_view line : split(nodes, '\n')) {
    const std::vector<std::string_view> words = split(line, ' ');
    if (words.size() < 8 || words[0].size() < kIdDigits) continue;
    MemberReport member;
    member.number = std::to_string(number_in(words[0].substr(0, kIdDigits), 16));
    member.address = words[1].substr(0, words[1].find('@'));
    member.is_asked = words[2].starts_with("myself");
    member.is_connected = words[7] == "connected";
    for (size_t i = 8; i < words.size(); ++i) {
      member.slots.emplace_back(words[i]);
      member.slot_count += count_slots(words[i]);
    }
    members.push_back(std::move(member));
  }
  return members;
}

std::string format_arcs(const std::vector<ArcReport>& arcs, bool as_json) {
  if (!as_json) {
    std::vector<std::vector<std::string>> rows;
    for (const ArcReport& arc : arcs) {
      rows.push_back({arc.slots, arc.group, leader_or_dash(arc), arc.term, arc.commit_index, arc.keys});
    }
    return format_table(
        {{"slots"}, {"group", true}, {"leader", true}, {"term", true}, {"commit", true}, {"keys", true}}, rows);
  }
  std::vector<std::vector<std::pair<std::string_view, std::string>>> objects;
  for (const ArcReport& arc : arcs) {
    const size_t dash = arc.slots.find('-');
    objects.push_back({{"first_slot", number_or_null(arc.slots.substr(0, dash))},
                       {"last_slot", number_or_null(arc.slots.substr(dash + 1))},
                       {"group", quoted(arc.group)},
                       {"leader", number_or_null(leader_or_dash(arc))},
                       {"term", number_or_null(arc.term)},
                       {"commit", number_or_null(arc.commit_index)},
                       {"keys", number_or_null(arc.keys)}});
  }
  return json_of(objects);
}

std::string format_members(const std::vector<MemberReport>& members, bool as_json) {
  if (!as_json) {
    std::vector<std::vector<std::string>> rows;
    for (const MemberReport& member : members) {
      rows.push_back({member.number, member.address, member.is_connected ? "connected" : "not connected",
                      std::to_string(member.slot_count), std::to_string(member.slots.size())});
    }
    return format_table({{"id", true}, {"address"}, {"state"}, {"slots led", true}, {"ranges", true}}, rows);
  }
  std::vector<std::vector<std::pair<std::string_view, std::string>>> objects;
  for (const MemberReport& member : members) {
    std::string slots;
    for (const std::string& range : member.slots) slots += (slots.empty() ? "" : ", ") + quoted(range);
    objects.push_back({{"node", number_or_null(member.number)},
                       {"address", quoted(member.address)},
                       {"connected", member.is_connected ? "true" : "false"},
                       {"asked", member.is_asked ? "true" : "false"},
                       {"slot_count", std::to_string(member.slot_count)},
                       {"slots", "[" + slots + "]"}});
  }
  return json_of(objects);
}

ExitCode run_cluster(const ClusterOptions& options) {
  const bool wants_arcs = options.what == ClusterOptions::What::kArcs;
  const std::string_view request[] = {wants_arcs ? "INFO" : "CLUSTER", wants_arcs ? "groups" : "NODES"};
  const Result<std::string> answer = ask(options, request);
  if (!answer.ok()) {
    std::fprintf(stderr, "torc: %s\n", answer.error().message.c_str());
    return kExitUnreachable;
  }
  const std::string text = wants_arcs ? format_arcs(read_arcs(*answer), options.as_json)
                                      : format_members(read_members(*answer), options.as_json);
  std::fputs(text.c_str(), stdout);
  return kExitOk;
}

}  // namespace torc::cli
