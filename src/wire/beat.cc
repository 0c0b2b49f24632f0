#include "wire/beat.h"

#include "base/check.h"
#include "base/codec.h"

namespace torc::wire {
namespace {

constexpr uint8_t kFlagSameFrom = 1;
constexpr uint8_t kFlagSameTo = 2;

Error invalid(const char* what) { return {ErrorCode::kInvalid, std::string("beat: ") + what}; }

/// Small for what is little more or less than `base`, and right for any two numbers.
void put_near(std::string& out, uint64_t value, uint64_t base) {
  const uint64_t distance = value - base;
  put_varint(out, (distance << 1) ^ (0 - (distance >> 63)));
}
uint64_t read_near(Reader& reader, uint64_t base) {
  const uint64_t zigzag = reader.varint();
  return base + ((zigzag >> 1) ^ (0 - (zigzag & 1)));
}

}  // namespace

void append_heartbeats(const std::vector<Heartbeat>& heartbeats, consensus::SendStamp stamp, std::string& out) {
  CHECK(heartbeats.size() <= kHeartbeatsMax) << heartbeats.size();
  Heartbeat before;
  for (const Heartbeat& one : heartbeats) {
    const bool is_ordered = one.group > before.group || (one.group == before.group && one.to > before.to);
    CHECK(&one == heartbeats.data() || is_ordered) << one.group << " after " << before.group;
    put_varint(out, one.group.value - before.group.value);
    put_u8(out, (one.from == before.from ? kFlagSameFrom : 0) | (one.to == before.to ? kFlagSameTo : 0));
    if (one.from != before.from) put_u64(out, one.from.value);
    if (one.to != before.to) put_u64(out, one.to.value);
    put_varint(out, one.request.term.value);
    put_near(out, static_cast<uint64_t>(one.request.stamp), static_cast<uint64_t>(stamp));
    put_varint(out, one.request.commit.value);
    put_near(out, one.request.replicated_to_all.value, one.request.commit.value);
    before = one;
  }
}

Result<std::vector<Heartbeat>> read_heartbeats(std::string_view raw, consensus::SendStamp stamp) {
  std::vector<Heartbeat> heartbeats;
  Reader reader(raw);
  Heartbeat one;
  while (!reader.rest().empty()) {
    if (heartbeats.size() == kHeartbeatsMax) return invalid("too many heartbeats");
    const uint64_t gap = reader.varint();
    if (gap > UINT64_MAX - one.group.value) return invalid("groups beyond the number range");
    one.group = GroupId(one.group.value + gap);
    const uint8_t flags = reader.u8();
    if ((flags & ~(kFlagSameFrom | kFlagSameTo)) != 0) return invalid("unknown flags");
    if ((flags & kFlagSameFrom) == 0) one.from = ReplicaNumber(reader.u64());
    if ((flags & kFlagSameTo) == 0) one.to = ReplicaNumber(reader.u64());
    const bool is_ordered = heartbeats.empty() || gap != 0 || one.to > heartbeats.back().to;
    if (!is_ordered) return invalid("a group's heartbeats out of order");
    one.request.term = Term(reader.varint());
    one.request.stamp = static_cast<consensus::SendStamp>(read_near(reader, static_cast<uint64_t>(stamp)));
    one.request.commit = LogIndex(reader.varint());
    one.request.replicated_to_all = LogIndex(read_near(reader, one.request.commit.value));
    if (!reader.ok()) return invalid("short heartbeat");
    heartbeats.push_back(one);
  }
  return heartbeats;
}

void append_exceptions(const std::vector<BeatException>& exceptions, std::string& out) {
  uint64_t next = 0;
  for (const BeatException& one : exceptions) {
    CHECK(one.position >= next && one.position < kHeartbeatsMax) << one.position;
    put_varint(out, (one.position - next) << 1 | (one.last_index ? 1 : 0));
    if (one.last_index) put_varint(out, one.last_index->value);
    next = one.position + 1;
  }
}

Result<std::vector<BeatException>> read_exceptions(std::string_view raw) {
  std::vector<BeatException> exceptions;
  Reader reader(raw);
  for (uint64_t next = 0; !reader.rest().empty();) {
    const uint64_t gap = reader.varint();
    if (gap >> 1 >= kHeartbeatsMax - next) return invalid("an exception beyond the beat");
    BeatException one;
    one.position = static_cast<uint32_t>(next + (gap >> 1));
    if ((gap & 1) != 0) one.last_index = LogIndex(reader.varint());
    if (!reader.ok()) return invalid("short exception");
    exceptions.push_back(one);
    next = one.position + 1;
  }
  return exceptions;
}

}  // namespace torc::wire
