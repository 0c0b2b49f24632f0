#include "sim/trace.h"

#include <cstdio>
#include <cstring>

namespace torc::sim {

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

void Trace::print(Instant at, NodeId node, TraceKind kind, const std::string& text) const {
  char columns[64];
  const auto us = static_cast<long long>(at.ns / 1000);
  if (node) {
    std::snprintf(columns, sizeof columns, "%5lld.%06lld  n%-3llu %-9s ", us / 1'000'000, us % 1'000'000,
                  static_cast<unsigned long long>(node.value), to_string(kind).data());
  } else {
    std::snprintf(columns, sizeof columns, "%5lld.%06lld  %-4s %-9s ", us / 1'000'000, us % 1'000'000, "-",
                  to_string(kind).data());
  }
  sink_(columns + text);
}

}  // namespace torc::sim
