// The nouns of consensus: who takes part, what a log entry is, what must survive a crash.
#pragma once

#include <compare>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/strong_id.h"

namespace torc::consensus {

/// A member of a group: a node, and a number that it drew for this replica and made durable before the replica said
/// anything. Who begins anew, because the replica was removed or its data lost, has another number, so it can never be
/// taken for the replica that voted and acknowledged (rules.md#new-life-new-id). Compared within one group only.
struct ReplicaId {
  NodeId node;
  ReplicaNumber number;

  constexpr auto operator<=>(const ReplicaId&) const = default;
  constexpr explicit operator bool() const { return static_cast<bool>(node); }
  friend std::ostream& operator<<(std::ostream& os, ReplicaId id) { return os << id.node << "/" << id.number; }
};

/// What an entry's payload means. Values stand in logs and messages: never renumber.
enum class EntryKind : uint8_t {
  kNoop = 0,           // first entry of a leader's term (Raft 8); no payload
  kCommands = 1,       // kv batch: all commands the leader collected in one turn
  kConfiguration = 2,  // an encoded Configuration; effective when appended (rules.md#membership-change)
};

/// Entry layout, the same bytes in the log and in AppendRequest (rules.md#batches); little-endian:
///   0  u32 payload bytes    4  u8 kind    5  u8 version (2)    6  u16 zero
///   8  u64 term            16  u64 index                      24  payload
constexpr size_t kEntryHeaderBytes = 24;
constexpr uint8_t kEntryVersion = 2;  // 1: sessions were numbers of 8 bytes (kv/batch.h)
/// Whoever proposes keeps below it: a batch of commands is never larger than one operation may be (kv/limits.h,
/// asserted in node/group_admission.cc), and a configuration has kConfigurationMembersMax members. Of other logs' and
/// peers' entries take_entry() refuses what is larger.
constexpr size_t kEntryPayloadBytesMax = 40u << 20;
constexpr size_t kEntryBytesMax = kEntryHeaderBytes + kEntryPayloadBytesMax;

/// No log comes near: an index beyond it was made up, and adding to one below it never wraps around.
constexpr LogIndex kLogIndexMax(UINT64_MAX / 2);

/// Nor does a term: one beyond it was made up, and candidates count upwards from what they have seen.
constexpr Term kTermMax(UINT64_MAX / 2);

/// One immutable log entry. Cheap to copy: the bytes are shared.
struct Entry {
  Term term;
  LogIndex index;
  EntryKind kind = EntryKind::kNoop;
  Bytes encoded;  // header and payload

  std::string_view payload() const { return encoded.view().substr(kEntryHeaderBytes); }
  size_t size() const { return encoded.size(); }
  friend bool operator==(const Entry&, const Entry&) = default;
};

/// Completes an entry whose payload already stands in `buffer` behind kEntryHeaderBytes reserved bytes: the payload is
/// not copied.
/// Requires: buffer.size() >= kEntryHeaderBytes.
Entry make_entry(Term term, LogIndex index, EntryKind kind, std::string buffer);

/// Splits the first entry off `bytes` (sharing the buffer) and advances `bytes` past it.
/// Errors: kInvalid for a short, oversized or unknown-version entry. Never allocates by an announced size.
Result<Entry> take_entry(Bytes& bytes);

/// True if `entries` are consecutive behind (prev, prev_term), their terms do not fall and stay at or below `term_max`,
/// and every configuration among them can be decoded. Whatever a peer sends has to pass before it reaches a log.
bool is_run(LogIndex prev, Term prev_term, Term term_max, const std::vector<Entry>& entries);

/// Voters, outgoing voters and learners together; bounds what a decoded configuration may announce.
constexpr size_t kConfigurationMembersMax = 64;

/// Who decides. `outgoing` is non-empty only while a joint change is under way; then both majorities are needed
/// (Raft 6). All lists are sorted and free of duplicates.
struct Configuration {
  std::vector<ReplicaId> voters;
  std::vector<ReplicaId> outgoing;
  std::vector<ReplicaId> learners;

  bool is_joint() const { return !outgoing.empty(); }
  bool is_voter(ReplicaId id) const;
  /// A voter that stays one after a joint change.
  bool is_incoming_voter(ReplicaId id) const;
  bool contains(ReplicaId id) const;
  /// Every member once, sorted.
  std::vector<ReplicaId> members() const;
  friend bool operator==(const Configuration&, const Configuration&) = default;
};

/// A configuration and the entry that brought it.
struct PlacedConfiguration {
  LogIndex index;
  Configuration configuration;

  friend bool operator==(const PlacedConfiguration&, const PlacedConfiguration&) = default;
};

std::string encode_configuration(const Configuration& configuration);
Result<Configuration> decode_configuration(std::string_view bytes);

/// What a replica must have on disk before it may act on it (Raft figure 2, "persistent state").
struct HardState {
  Term term;
  ReplicaId vote;  // none: no vote in `term`

  friend bool operator==(const HardState&, const HardState&) = default;
};

/// A run of entries of one term: first_index up to the next run's first_index - 1. The bounded memory of old terms.
struct TermRun {
  LogIndex first_index;
  Term term;
  friend bool operator==(const TermRun&, const TermRun&) = default;
};

enum class Role : uint8_t { kFollower, kPreCandidate, kCandidate, kLeader };
std::string_view to_string(Role role);

/// Why a replica has the role it has; for people only, nothing is decided by it.
enum class RoleCause : uint8_t {
  kStart,
  kSilence,      // no leader was heard for an election timeout
  kPreVotesWon,  // a quorum would vote for it
  kAskedByLeader,
  kVotesWon,
  kLeaderHeard,
  kHigherTerm,
  kNoQuorum,  // none answered its leader for two election timeouts
  kRemoved,   // the change that ended its membership is committed
};

}  // namespace torc::consensus
