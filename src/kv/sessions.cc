#include "kv/sessions.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "kv/recorded_reply.h"

namespace torc::kv {
namespace {

Error corrupt() { return Error{ErrorCode::kCorrupt, "checkpoint header: malformed sessions"}; }

bool opens_session(const SessionCall& call) {
  return call.is_first_send && call.session && call.sequence >= call.floor;
}

}  // namespace

Sessions::Session& Sessions::open(SessionId id, WallMs stamp, uint64_t opener) {
  CHECK(id && !by_id_.contains(id));
  if (by_id_.size() == kSessionsMax) close(order_.begin());
  order_.push_back(Session{.id = id, .last_use = stamp, .opener = opener});
  by_id_.emplace(id, std::prev(order_.end()));
  return order_.back();
}

void Sessions::expire_idle(WallMs stamp) {
  while (!order_.empty() && stamp.ms - order_.front().last_use.ms >= kSessionIdleMsMax) close(order_.begin());
}

void Sessions::set_back(WallMs stamp) {
  for (Session& session : order_) session.last_use = std::min(session.last_use, stamp);
}

void Sessions::close(Order::iterator session) {
  record_count_ -= session->records.size();
  reply_bytes_ -= session->reply_bytes;
  by_id_.erase(session->id);
  order_.erase(session);
}

void Sessions::drop_reply(Session& session, Record& record) {
  session.reply_bytes -= record.kept_bytes();
  reply_bytes_ -= record.kept_bytes();
  record.is_kept = false;
  record.reply = {};
}

void Sessions::forget_below(Session& session, uint64_t floor) {
  for (; !session.records.empty() && session.records.front().sequence < floor; session.records.pop_front()) {
    drop_reply(session, session.records.front());
    --record_count_;
  }
}

std::deque<Sessions::Record>::const_iterator Sessions::find_from(const Session& session, uint64_t sequence) {
  return std::lower_bound(session.records.begin(), session.records.end(), sequence,
                          [](const Record& record, uint64_t wanted) { return record.sequence < wanted; });
}

Sessions::Admission Sessions::admit(const SessionCall& call, WallMs stamp) {
  auto found = by_id_.find(call.session);
  if (found == by_id_.end()) {
    if (!opens_session(call)) return {Verdict::kUnknown, {}};
    open(call.session, stamp, call.sequence);
    found = by_id_.find(call.session);
  }
  order_.splice(order_.end(), order_, found->second);
  Session& session = *found->second;
  session.last_use = stamp;
  session.floor = std::max(session.floor, call.floor);
  forget_below(session, session.floor);
  if (call.sequence < session.floor) return {Verdict::kUnknown, {}};
  const auto at = find_from(session, call.sequence);
  if (at != session.records.end() && at->sequence == call.sequence) {
    return at->is_kept ? Admission{Verdict::kReplay, at->reply} : Admission{Verdict::kExecuted, {}};
  }
  return {judge_new(session, call), {}};
}

/// Of a call that is not below the floor and not remembered.
Sessions::Verdict Sessions::judge_new(const Session& session, const SessionCall& call) const {
  if (!call.is_first_send && call.sequence < session.opener) return Verdict::kUnknown;
  return session.records.size() < kSessionRecordsMax ? Verdict::kExecute : Verdict::kOverfull;
}

bool Sessions::would_execute(const SessionCall& call) const {
  const auto found = by_id_.find(call.session);
  if (found == by_id_.end()) return opens_session(call);
  if (call.sequence < std::max(found->second->floor, call.floor)) return false;
  return !has_executed(call) && judge_new(*found->second, call) == Verdict::kExecute;
}

bool Sessions::has_executed(const SessionCall& call) const {
  const auto found = by_id_.find(call.session);
  if (found == by_id_.end()) return false;
  const auto at = find_from(*found->second, call.sequence);
  return at != found->second->records.end() && at->sequence == call.sequence;
}

void Sessions::record(const SessionCall& call, std::string reply) {
  Session& session = *by_id_.at(call.session);
  const bool is_kept = reply.size() <= kReplyBytesKeptMax;
  Record record{call.sequence, is_kept, is_kept ? std::move(reply) : std::string()};
  session.reply_bytes += record.kept_bytes();
  reply_bytes_ += record.kept_bytes();
  ++record_count_;
  auto at = session.records.end();
  while (at != session.records.begin() && std::prev(at)->sequence > call.sequence) --at;
  session.records.insert(at, std::move(record));
  if (reply_bytes_ > kSessionsReplyBytesMax) drop_largest_replies();
  // The call's own session is the one used last, so it is never the one that goes: it cannot hold that many alone.
  while (record_count_ > kSessionsRecordsMax) close(order_.begin());
}
static_assert(kSessionRecordsMax < kSessionsRecordsMax);

// Finds the level at which the sessions above it, cut down to it, bring the total to kSessionsReplyBytesLeft.
void Sessions::drop_largest_replies() {
  std::vector<size_t> sizes;
  for (const Session& session : order_) {
    if (session.reply_bytes > 0) sizes.push_back(session.reply_bytes);
  }
  std::sort(sizes.begin(), sizes.end());
  size_t left = kSessionsReplyBytesLeft;
  size_t level = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    level = left / (sizes.size() - i);
    if (sizes[i] > level) break;
    left -= sizes[i];
  }
  for (Session& session : order_) {
    for (auto at = session.records.begin(); session.reply_bytes > level; ++at) {
      if (at->kept_bytes() > 0) drop_reply(session, *at);
    }
  }
}

size_t Sessions::bytes_used() const {
  return by_id_.size() * kSessionBytes + record_count_ * kRecordBytes + reply_bytes_;
}

void Sessions::encode(std::string& out) const {
  put_varint(out, order_.size());
  for (const Session& session : order_) {
    put_session_id(out, session.id);
    put_i64(out, session.last_use.ms);
    put_varint(out, session.opener);
    put_varint(out, session.floor);
    put_varint(out, session.records.size());
    for (const Record& record : session.records) {
      put_varint(out, record.sequence);
      put_varint(out, record.is_kept ? record.reply.size() + 1 : 0);
      out += record.reply;
    }
  }
}

Status Sessions::decode(Reader& reader) {
  CHECK(by_id_.empty());
  const uint64_t session_count = reader.varint();
  if (!reader.ok() || session_count > kSessionsMax) return corrupt();
  for (uint64_t i = 0; i < session_count; ++i) {
    if (Status status = decode_session(reader); !status) return status;
  }
  return {};
}

Status Sessions::decode_session(Reader& reader) {
  const SessionId id = take_session_id(reader);
  const WallMs last_use{reader.i64()};
  const uint64_t opener = reader.varint();
  const uint64_t floor = reader.varint();
  const uint64_t record_count = reader.varint();
  const int64_t last_use_before = order_.empty() ? 0 : order_.back().last_use.ms;
  if (!reader.ok() || !id || by_id_.contains(id)) return corrupt();
  if (last_use.ms < last_use_before || record_count > kSessionRecordsMax) return corrupt();
  if (record_count_ + record_count > kSessionsRecordsMax) return corrupt();
  Session& session = open(id, last_use, opener);
  session.floor = floor;
  for (uint64_t i = 0; i < record_count; ++i) {
    const uint64_t sequence = reader.varint();
    const uint64_t mark = reader.varint();
    const std::string_view reply = mark == 0 ? std::string_view() : reader.take(mark - 1);
    NullSink nowhere;
    if (!reader.ok() || sequence < floor || (mark != 0 && !replay(reply, nowhere))) return corrupt();
    if (recorded_refusal(reply)) return corrupt();  // what is remembered was executed
    if (!session.records.empty() && session.records.back().sequence >= sequence) return corrupt();
    record(SessionCall{id, sequence, floor}, std::string(reply));
    if (mark == 0) session.records.back().is_kept = false;
  }
  return {};
}

}  // namespace torc::kv
