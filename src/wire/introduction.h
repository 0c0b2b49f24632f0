// What a node says about itself before anything else passes on a connection, and what of it must be alike everywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/life_id.h"
#include "base/result.h"
#include "base/strong_id.h"
#include "base/time.h"
#include "consensus/types.h"
#include "wire/held_replicas.h"

namespace torc::wire {

/// The formats of what nodes tell each other (entries, snapshots, recorded replies) that this version reads and writes.
/// 2: a refusal is a number, and a snapshot names its arc. A node of format 1 would take a refusal for an unknown
/// outcome and tell clients what it was told in words, and could read no snapshot.
/// 3: a session is 128 bits, in entries (version 2), snapshots and forwarded commands.
/// 3: what is said in a turn comes in packs, and heartbeats in beats. A node of format 2 would hear no leader.
constexpr uint32_t kFormatOldest = 3;
constexpr uint32_t kFormatNewest = 3;

/// What safety depends on. A lease, for one, holds because everybody else waits for as long as its leader counts on:
/// with 3,000 ms at the leader and 200 at the others reads were stale for seconds.
struct Agreement {
  ClusterId cluster;           // none: not known yet, agrees with any
  std::vector<NodeId> listed;  // --initial-cluster, sorted
  uint32_t arcs = 1;           // --arcs: how the circle is cut into groups
  Duration election_timeout_min{0};
  uint32_t lease_drift_percent = 0;
  uint32_t format_oldest = kFormatOldest;
  uint32_t format_newest = kFormatNewest;

  friend bool operator==(const Agreement&, const Agreement&) = default;
};

/// In what two nodes differ that must be alike, as a sentence that is true at either end (it is written to both logs);
/// nothing if they agree.
std::optional<std::string> difference(NodeId one, const Agreement& of_one, NodeId other, const Agreement& of_other);

/// A life of a node is told in chapters, each with a number one higher and a random nonce: it begins one at each start,
/// and one now and then while it works. Its peers write the latest down. Whoever comes back without it runs on an old
/// copy of its data directory (docs/decisions/0007).
struct Chapter {
  uint64_t number = 0;  // 0: none yet
  uint64_t nonce = 0;

  friend bool operator==(const Chapter&, const Chapter&) = default;
};

/// 16 bytes: u64 number, u64 nonce.
std::string encode(const Chapter& chapter);
std::optional<Chapter> decode_chapter(std::string_view bytes);

/// A life of some node, and the latest chapter of it that is written down.
struct NotedChapter {
  LifeId life;
  Chapter chapter;

  friend bool operator==(const NotedChapter&, const NotedChapter&) = default;
};

constexpr size_t kChapterNoncesMax = 256;  // told of a node's own chapters
constexpr size_t kReplicasMax = 1024;      // of a node: one per group
constexpr size_t kNotedChaptersMax = 64;   // lives written down, and told

/// What the log of one group holds durably.
struct LogEnd {
  Term term;
  LogIndex durable_index;

  friend bool operator==(const LogEnd&, const LogEnd&) = default;
};

struct Introduction {
  LifeId self;
  Agreement agreement;
  uint64_t start = 0;            // the chapter that this process began with: tells processes apart
  uint64_t chapter = 0;          // the latest one, durable at the sender
  std::vector<uint64_t> nonces;  // of the latest chapters, the last one's last; at most kChapterNoncesMax
  std::vector<LogEnd> ends;      // of its groups, by arc; none before the birth
  HeldReplicas replicas;         // whose ends these are

  friend bool operator==(const Introduction&, const Introduction&) = default;
};

/// Requires: at most kMeetNodesMax nodes are listed, kChapterNoncesMax nonces told, and kReplicasMax ends.
std::string encode(const Introduction& introduction);
/// Fields of a later version are passed over. Errors: kInvalid; allocates no more than `bytes` explain.
Result<Introduction> decode_introduction(std::string_view bytes);

constexpr size_t kIntroductionBytesMax = 48u << 10;

}  // namespace torc::wire
