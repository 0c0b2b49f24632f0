#include "kv/sessions.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "kv/recorded_reply.h"

namespace torc::kv {
namespace {

constexpr size_t kSessionBytes = 768;  // an empty one: list and map nodes, the deque's first chunk
constexpr size_t kReplyBytes = 40;     // beside the bytes of its text

}  // namespace

SessionId Sessions::open(uint64_t id, WallMs stamp) {
  CHECK(id != 0 && !by_id_.contains(id));
  if (by_id_.size() == kSessionsMax) close(order_.begin());
  order_.push_back(Session{.id = id, .last_use = stamp});
  by_id_.emplace(id, std::prev(order_.end()));
  return SessionId(id);
}

void Sessions::expire_idle(WallMs stamp) {
  while (!order_.empty() && stamp.ms - order_.front().last_use.ms >= kSessionIdleMsMax) close(order_.begin());
}

void Sessions::set_back(WallMs stamp) {
  for (Session& session : order_) session.last_use = std::min(session.last_use, stamp);
}

void Sessions::close(Order::iterator session) {
  reply_count_ -= session->replies.size();
  reply_bytes_ -= session->reply_bytes;
  by_id_.erase(session->id);
  order_.erase(session);
}

void Sessions::forget_below(Session& session, uint64_t floor) {
  while (!session.replies.empty() && session.replies.front().sequence < floor) {
    const size_t bytes = session.replies.front().bytes.size();
    session.reply_bytes -= bytes;
    reply_bytes_ -= bytes;
    --reply_count_;
    session.replies.pop_front();
  }
}

Sessions::Admission Sessions::admit(const SessionCall& call, WallMs stamp) {
  const auto found = by_id_.find(call.session.value);
  if (found == by_id_.end()) return {Verdict::kUnknown, {}};
  order_.splice(order_.end(), order_, found->second);
  Session& session = *found->second;
  session.last_use = stamp;
  session.floor = std::max(session.floor, call.floor);
  forget_below(session, session.floor);
  if (call.sequence < session.floor) return {Verdict::kUnknown, {}};
  const auto at = std::lower_bound(session.replies.begin(), session.replies.end(), call.sequence,
                                   [](const Reply& reply, uint64_t sequence) { return reply.sequence < sequence; });
  if (at != session.replies.end() && at->sequence == call.sequence) return {Verdict::kReplay, at->bytes};
  const bool is_overfull = session.replies.size() >= kSessionRepliesMax ||
                           session.reply_bytes >= kSessionReplyBytesMax || reply_bytes_ >= kSessionsReplyBytesMax;
  return {is_overfull ? Verdict::kOverfull : Verdict::kExecute, {}};
}

void Sessions::record(const SessionCall& call, std::string reply) {
  Session& session = *by_id_.at(call.session.value);
  session.reply_bytes += reply.size();
  reply_bytes_ += reply.size();
  ++reply_count_;
  auto at = session.replies.end();
  while (at != session.replies.begin() && std::prev(at)->sequence > call.sequence) --at;
  session.replies.insert(at, Reply{call.sequence, std::move(reply)});
}

size_t Sessions::bytes_used() const {
  return by_id_.size() * kSessionBytes + reply_count_ * kReplyBytes + reply_bytes_;
}

void Sessions::encode(std::string& out) const {
  put_varint(out, order_.size());
  for (const Session& session : order_) {
    put_u64(out, session.id);
    put_i64(out, session.last_use.ms);
    put_varint(out, session.floor);
    put_varint(out, session.replies.size());
    for (const Reply& reply : session.replies) {
      put_varint(out, reply.sequence);
      put_bytes(out, reply.bytes);
    }
  }
}

Status Sessions::decode(Reader& reader) {
  CHECK(by_id_.empty());
  const auto corrupt = [] { return Error{ErrorCode::kCorrupt, "checkpoint header: malformed sessions"}; };
  const uint64_t session_count = reader.varint();
  if (!reader.ok() || session_count > kSessionsMax) return corrupt();
  int64_t last_use_before = 0;
  for (uint64_t i = 0; i < session_count; ++i) {
    const uint64_t id = reader.u64();
    const WallMs last_use{reader.i64()};
    const uint64_t floor = reader.varint();
    const uint64_t reply_count = reader.varint();
    if (!reader.ok() || id == 0 || by_id_.contains(id)) return corrupt();
    if (last_use.ms < last_use_before || reply_count > kSessionRepliesMax) return corrupt();
    last_use_before = last_use.ms;
    open(id, last_use);
    Session& session = order_.back();
    session.floor = floor;
    for (uint64_t r = 0; r < reply_count; ++r) {
      const uint64_t sequence = reader.varint();
      const std::string_view bytes = reader.bytes();
      NullSink nowhere;
      if (!reader.ok() || sequence < floor || !replay(bytes, nowhere)) return corrupt();
      if (!session.replies.empty() && session.replies.back().sequence >= sequence) return corrupt();
      record(SessionCall{SessionId(id), sequence, floor}, std::string(bytes));
    }
  }
  return {};
}

}  // namespace torc::kv
