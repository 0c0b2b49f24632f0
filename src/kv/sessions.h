// Exactly once: remembers the answers to labelled operations until the client says it has seen them
// (rules.md#exactly-once).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <string>
#include <string_view>

#include "base/codec.h"
#include "base/result.h"
#include "base/time.h"
#include "kv/batch.h"

namespace torc::kv {

constexpr size_t kSessionsMax = 65536;                 // beyond: the one unused for longest goes
constexpr int64_t kSessionIdleMsMax = 60 * 60 * 1000;  // by the leader's stamps
constexpr size_t kSessionRepliesMax = 16384;           // kept per session
constexpr size_t kSessionReplyBytesMax = 4u << 20;     // kept per session; the last one may exceed it
constexpr size_t kSessionsReplyBytesMax = 256u << 20;  // kept in all sessions together; the last one may exceed it

/// The answer to a call whose session does not exist (any more) or has passed the call by: it executed nothing, but an
/// earlier copy of the call may have.
constexpr std::string_view kUnknownSession = "UNKNOWN outcome: session expired or unknown";

/// Replicated state: the same calls in the same order give the same content on every replica.
/// Encoding: varint count, per session, unused for longest first: u64 id | i64 last use, ms | varint floor |
///           varint count of replies, ascending by sequence: varint sequence | varint length and recorded reply
class Sessions {
 public:
  /// Creates a session; `id` is a number never used before. May end the one unused for longest.
  SessionId open(uint64_t id, WallMs stamp);
  /// Ends sessions unused for kSessionIdleMsMax. Call before anything else at a stamp.
  void expire_idle(WallMs stamp);
  /// The stamp was ahead of the time, which is `stamp`: sessions used since count as used now.
  void set_back(WallMs stamp);

  enum class Verdict {
    kExecute,   // new: execute, then record()
    kReplay,    // answered before: give `reply` again
    kUnknown,   // no such session (any more), or below its floor: nobody can say whether it was executed
    kOverfull,  // too many replies above the floor: executes nothing
  };
  struct Admission {
    Verdict verdict = Verdict::kUnknown;
    std::string_view reply;  // valid until the next call
  };
  /// Raises the session's floor to the call's, forgets what is below, and judges the call.
  Admission admit(const SessionCall& call, WallMs stamp);
  /// Keeps the reply to the call that admit() let execute just before.
  void record(const SessionCall& call, std::string reply);

  size_t count() const { return by_id_.size(); }
  size_t bytes_used() const;

  void encode(std::string& out) const;
  /// Requires: empty. Errors: kCorrupt.
  Status decode(Reader& reader);

 private:
  struct Reply {
    uint64_t sequence;
    std::string bytes;
  };
  struct Session {
    uint64_t id;
    WallMs last_use;
    uint64_t floor = 0;
    size_t reply_bytes = 0;
    std::deque<Reply> replies;  // ascending by sequence
  };
  using Order = std::list<Session>;

  void close(Order::iterator session);
  void forget_below(Session& session, uint64_t floor);

  Order order_;  // unused for longest first
  std::map<uint64_t, Order::iterator> by_id_;
  size_t reply_count_ = 0;
  size_t reply_bytes_ = 0;
};

}  // namespace torc::kv
