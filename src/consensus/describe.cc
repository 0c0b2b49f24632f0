#include "consensus/describe.h"

#include <sstream>

namespace torc::consensus {
namespace {

std::string_view to_string(EntryKind kind) {
  switch (kind) {
    case EntryKind::kNoop:
      return "noop";
    case EntryKind::kCommands:
      return "commands";
    case EntryKind::kConfiguration:
      return "configuration";
  }
  return "unknown";
}

void print(std::ostream& out, const PreVoteRequest& m) {
  out << "PreVoteRequest term=" << m.term << " last=" << m.last_index << "/" << m.last_term;
}
void print(std::ostream& out, const PreVoteReply& m) {
  out << "PreVoteReply term=" << m.term << (m.granted ? " granted" : " refused") << " last=" << m.last_index << "/"
      << m.last_term << (m.hears_leader ? " hears-leader" : "");
}
void print(std::ostream& out, const VoteRequest& m) {
  out << "VoteRequest term=" << m.term << " last=" << m.last_index << "/" << m.last_term
      << (m.transfer ? " transfer" : "");
}
void print(std::ostream& out, const VoteReply& m) {
  out << "VoteReply term=" << m.term << (m.granted ? " granted" : " refused");
}
void print(std::ostream& out, const std::vector<Entry>& entries) {
  out << " entries=[";
  for (const Entry& entry : entries) {
    if (&entry != entries.data()) out << ", ";
    out << entry.index << "/" << entry.term << " " << to_string(entry.kind);
  }
  out << "]";
}
void print(std::ostream& out, const AppendRequest& m) {
  out << "AppendRequest term=" << m.term << " prev=" << m.prev_index << "/" << m.prev_term << " commit=" << m.commit;
  print(out, m.entries);
}
void print(std::ostream& out, const AppendReply& m) {
  out << "AppendReply term=" << m.term;
  if (m.accepted) {
    out << " accepted match=" << m.match_index;
  } else {
    out << " rejected prev=" << m.prev_index << " hint=" << m.hint_index << "/" << m.hint_term;
  }
}
void print(std::ostream& out, const HeartbeatRequest& m) {
  out << "HeartbeatRequest term=" << m.term << " commit=" << m.commit << " all=" << m.replicated_to_all;
}
void print(std::ostream& out, const HeartbeatReply& m) {
  out << "HeartbeatReply term=" << m.term << " last=" << m.last_index;
}
void print(std::ostream& out, const TimeoutNow& m) { out << "TimeoutNow term=" << m.term; }
void print(std::ostream& out, const PullRequest& m) {
  out << "PullRequest prev=" << m.prev_index << "/" << m.prev_term;
}
void print(std::ostream& out, const PullReply& m) {
  out << "PullReply term=" << m.term << " asked=" << m.asked_prev << " prev=" << m.prev_index << "/" << m.prev_term
      << " last=" << m.last_index << "/" << m.last_term << " commit=" << m.commit;
  m.needs_snapshot ? void(out << " needs-snapshot") : print(out, m.entries);
}

}  // namespace

std::string describe(const Message& message) {
  std::ostringstream out;
  out << message.from.node << "->" << message.to.node << " ";
  std::visit([&](const auto& body) { print(out, body); }, message.body);
  return out.str();
}

std::string describe(const ReplicaStatus& status) {
  std::ostringstream out;
  out << to_string(status.role) << " term=" << status.term << " leader=" << status.leader.node
      << " commit=" << status.commit << " last=" << status.last_index << " stable=" << status.stable_index
      << (status.has_lease ? " lease" : "");
  return out.str();
}

}  // namespace torc::consensus
