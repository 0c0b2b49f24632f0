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
/// Calls above its floor that a session remembers; what is new beyond them is refused: the client has to raise its
/// floor.
constexpr size_t kSessionRecordsMax = 16384;
constexpr size_t kSessionsRecordsMax = 1u << 20;  // of all sessions together; beyond: the one unused for longest goes
/// Replies up to this size cost nothing beside their record, and are always kept: OK, integers, nil.
constexpr size_t kReplyBytesAlwaysKept = 15;
constexpr size_t kReplyBytesKeptMax = 1u << 20;       // a larger one is not kept
constexpr size_t kSessionsReplyBytesMax = 64u << 20;  // of all kept replies that are not always kept
/// What they are cut down to then, so that the search for who holds most is seldom.
constexpr size_t kSessionsReplyBytesLeft = 56u << 20;

constexpr size_t kSessionBytes = 800;  // an empty one: list and map nodes, the deque's first chunk
constexpr size_t kRecordBytes = 48;    // beside the bytes of its reply
/// What all of it takes in memory.
constexpr size_t kSessionsBytesMax =
    kSessionsMax * kSessionBytes + kSessionsRecordsMax * kRecordBytes + kSessionsReplyBytesMax;

/// All sessions encoded: ids, stamps, openers, floors and counts; sequences, marks and small replies; large replies.
constexpr size_t kSessionsEncodedBytesMax = 10 + kSessionsMax * (kSessionIdBytes + 8 + 10 + 10 + 10) +
                                            kSessionsRecordsMax * (10 + 4 + kReplyBytesAlwaysKept) +
                                            kSessionsReplyBytesMax;

/// Budgets are shared: no reply is refused because there are too many. When all kept replies together are too large,
/// the sessions that hold most lose the bytes of their oldest, down to a common level; the record that the call was
/// executed stays. (A few sessions with replies of 32 MiB once had every write of every other session refused with an
/// unknown outcome, the nodes' own for their clients among them.)
///
/// A session begins here with its first call that nobody ever sent before, and is forgotten when it rests for too long
/// or others need its place. Then it may begin anew, under the same id, and knows nothing of what it did before:
/// - A call that is sent again opens no session. Nobody can say whether an earlier copy was executed.
/// - Of calls that are sent again only those execute that were numbered after the one that opened the session: an
///   earlier one may have been executed before the session was forgotten.
/// So a call may be executed twice only if its session was forgotten between two copies of it, and opened again by a
/// call that was numbered before it and arrived after it.
///
/// Replicated state: the same calls in the same order give the same content on every replica.
/// Encoding: varint count, per session, unused for longest first: 16 bytes id | i64 last use, ms | varint opener |
///           varint floor | varint count of records, ascending by sequence: varint sequence | varint 0: reply not kept,
///           else its length + 1 and the recorded reply.
class Sessions {
 public:
  /// Ends sessions unused for kSessionIdleMsMax. Call before anything else at a stamp.
  void expire_idle(WallMs stamp);
  /// The stamp was ahead of the time, which is `stamp`: sessions used since count as used now.
  void set_back(WallMs stamp);

  enum class Verdict {
    kExecute,   // new: execute, then record()
    kReplay,    // answered before: give `reply` again
    kExecuted,  // executed before, and the answer is not kept
    kUnknown,   // not known to this session, or below its floor: nobody can say whether it was executed
    kOverfull,  // too many records above the floor: executes nothing
  };
  struct Admission {
    Verdict verdict = Verdict::kUnknown;
    std::string_view reply;  // valid until the next call
  };
  /// Opens the session if it is not known and nobody sent the call before, which may end the one unused for longest.
  /// Raises its floor to the call's, forgets what is below, and judges the call.
  Admission admit(const SessionCall& call, WallMs stamp);
  /// Remembers the call that admit() let execute just before, and its reply if it may be kept. Requires: it is no
  /// refusal, which would say that nothing was executed.
  void record(const SessionCall& call, std::string reply);
  /// Whether admit() would let it execute now. False also for what a session that is gone or too full says no to.
  bool would_execute(const SessionCall& call) const;
  /// Whether the call is remembered as executed.
  bool has_executed(const SessionCall& call) const;

  size_t count() const { return by_id_.size(); }
  size_t bytes_used() const;

  void encode(std::string& out) const;
  /// Requires: empty. Errors: kCorrupt.
  Status decode(Reader& reader);

 private:
  struct Record {
    uint64_t sequence;
    bool is_kept;
    std::string reply;  // empty unless kept

    size_t kept_bytes() const { return reply.size() > kReplyBytesAlwaysKept ? reply.size() : 0; }
  };
  struct Session {
    SessionId id;
    WallMs last_use;
    uint64_t opener = 0;  // the sequence of the call that opened it
    uint64_t floor = 0;
    size_t reply_bytes = 0;      // Record::kept_bytes() of all
    std::deque<Record> records;  // ascending by sequence
  };
  using Order = std::list<Session>;

  static std::deque<Record>::const_iterator find_from(const Session& session, uint64_t sequence);
  Status decode_session(Reader& reader);
  Session& open(SessionId id, WallMs stamp, uint64_t opener);
  Verdict judge_new(const Session& session, const SessionCall& call) const;
  void drop_reply(Session& session, Record& record);
  void drop_largest_replies();
  void close(Order::iterator session);
  void forget_below(Session& session, uint64_t floor);

  Order order_;  // unused for longest first
  std::map<SessionId, Order::iterator> by_id_;
  size_t record_count_ = 0;
  size_t reply_bytes_ = 0;
};

}  // namespace torc::kv
