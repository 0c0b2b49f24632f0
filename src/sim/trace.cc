#include "sim/trace.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace torc::sim {
namespace {

constexpr size_t kColumnWidth = 14;  // "L* 12:34567+12"

}  // namespace

std::string_view to_string(TraceKind kind) {
  switch (kind) {
    case TraceKind::kStart:
      return "start";
    case TraceKind::kCrash:
      return "crash";
    case TraceKind::kPause:
      return "pause";
    case TraceKind::kResume:
      return "resume";
    case TraceKind::kWipe:
      return "wipe";
    case TraceKind::kSend:
      return "send";
    case TraceKind::kDeliver:
      return "deliver";
    case TraceKind::kLose:
      return "lose";
    case TraceKind::kConnect:
      return "connect";
    case TraceKind::kBreak:
      return "break";
    case TraceKind::kCut:
      return "cut";
    case TraceKind::kHeal:
      return "heal";
    case TraceKind::kClock:
      return "clock";
    case TraceKind::kDisk:
      return "disk";
    case TraceKind::kCall:
      return "call";
    case TraceKind::kReply:
      return "reply";
    case TraceKind::kUnknown:
      return "unknown";
    case TraceKind::kRole:
      return "role";
    case TraceKind::kApplied:
      return "applied";
    case TraceKind::kPhase:
      return "phase";
    case TraceKind::kFault:
      return "FAULT";
    case TraceKind::kViolation:
      return "VIOLATION";
    case TraceKind::kNotice:
      return "says";
  }
  return "?";
}

uint64_t hash_bytes(std::string_view bytes, uint64_t seed) {
  uint64_t hash = seed ^ (bytes.size() * 0x9e3779b97f4a7c15u);
  while (!bytes.empty()) {
    uint64_t word = 0;
    const size_t count = bytes.size() < sizeof word ? bytes.size() : sizeof word;
    std::memcpy(&word, bytes.data(), count);
    bytes.remove_prefix(count);
    hash = (hash ^ word) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  }
  return hash;
}

void Trace::show(NodeId node, const std::string& state) {
  if (!sink_) return;
  if (columns_.size() < node.value) columns_.resize(node.value);
  columns_[node.value - 1] = state;
}

void Trace::print_legend() {
  has_legend_ = true;
  sink_(
      "columns: F follower, P asks for pre-votes, C candidate, L leader, * with a lease; term:commit+entries behind "
      "it");
  std::string head = "        time";
  for (size_t i = 0; i < columns_.size(); ++i) {
    std::string name = " |n" + std::to_string(i + 1);
    name.resize(kColumnWidth + 3, ' ');
    head += name;
  }
  sink_(head + " | what");
}

void Trace::print(Instant at, NodeId node, TraceKind kind, const std::string& text) {
  if (!has_legend_) print_legend();
  char time[32];
  const auto us = static_cast<long long>(at.ns / 1000);
  std::snprintf(time, sizeof time, "%5lld.%06lld", us / 1'000'000, us % 1'000'000);
  std::string line = time;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const bool is_here = node.value == i + 1;
    std::string column = columns_[i];
    if (column.size() < kColumnWidth) column.resize(kColumnWidth, ' ');
    line += is_here ? " |>" + column : " | " + column;
  }
  std::string what = std::string(to_string(kind));
  what.resize(std::max<size_t>(what.size(), 9), ' ');
  line += " | " + (node ? "n" + std::to_string(node.value) : std::string("--")) + " " + what + " " + text;
  sink_(line);
}

}  // namespace torc::sim
