#include "kv/recorded_reply.h"

#include "base/codec.h"

namespace torc::kv {
namespace {

/// Stands in images and peer messages: never renumber.
enum class Tag : uint8_t {
  kOk = 0,
  kStatus = 1,
  kError = 2,
  kInteger = 3,
  kBulk = 4,
  kNil = 5,
  kArray = 6,
  kMap = 7,
  kRefusal = 8,
};

void put_tag(std::string& out, Tag tag) { put_u8(out, static_cast<uint8_t>(tag)); }

uint64_t zigzag(int64_t v) { return (static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63); }
int64_t unzigzag(uint64_t v) { return static_cast<int64_t>((v >> 1) ^ (~(v & 1) + 1)); }

/// Reads one call and makes it on `sink` unless that is null. Adds the number of replies that must follow to `awaited`.
bool step(Reader& reader, ReplySink* sink, uint64_t& awaited) {
  const uint8_t tag = reader.u8();
  if (!reader.ok() || tag > static_cast<uint8_t>(Tag::kRefusal)) return false;
  switch (static_cast<Tag>(tag)) {
    case Tag::kOk:
      if (sink != nullptr) sink->ok();
      return true;
    case Tag::kNil:
      if (sink != nullptr) sink->nil();
      return true;
    case Tag::kStatus:
    case Tag::kError:
    case Tag::kBulk: {
      const std::string_view text = reader.bytes();
      if (!reader.ok()) return false;
      if (sink == nullptr) return true;
      if (static_cast<Tag>(tag) == Tag::kStatus) sink->status(text);
      if (static_cast<Tag>(tag) == Tag::kError) sink->error(text);
      if (static_cast<Tag>(tag) == Tag::kBulk) sink->bulk(text);
      return true;
    }
    case Tag::kInteger: {
      const uint64_t value = reader.varint();
      if (!reader.ok()) return false;
      if (sink != nullptr) sink->integer(unzigzag(value));
      return true;
    }
    case Tag::kArray:
    case Tag::kMap: {
      const uint64_t count = reader.varint();
      // Every element takes a byte at least, so a larger count is a lie.
      if (!reader.ok() || count > reader.rest().size()) return false;
      const bool is_map = static_cast<Tag>(tag) == Tag::kMap;
      awaited += is_map ? 2 * count : count;
      if (sink != nullptr) is_map ? sink->map(count) : sink->array(count);
      return true;
    }
    case Tag::kRefusal:
      return false;  // alone, or not at all
  }
  return false;
}

bool walk(std::string_view bytes, ReplySink* sink) {
  Reader reader(bytes);
  for (uint64_t awaited = 1; awaited > 0; --awaited) {
    if (awaited > bytes.size()) return false;
    if (!step(reader, sink, awaited)) return false;
  }
  return reader.at_end();
}

}  // namespace

void RecordingSink::ok() { put_tag(bytes_, Tag::kOk); }
void RecordingSink::nil() { put_tag(bytes_, Tag::kNil); }

void RecordingSink::status(std::string_view text) {
  put_tag(bytes_, Tag::kStatus);
  put_bytes(bytes_, text);
}

void RecordingSink::error(std::string_view text) {
  put_tag(bytes_, Tag::kError);
  put_bytes(bytes_, text);
}

void RecordingSink::bulk(std::string_view value) {
  put_tag(bytes_, Tag::kBulk);
  put_bytes(bytes_, value);
}

void RecordingSink::integer(int64_t value) {
  put_tag(bytes_, Tag::kInteger);
  put_varint(bytes_, zigzag(value));
}

void RecordingSink::array(size_t count) {
  put_tag(bytes_, Tag::kArray);
  put_varint(bytes_, count);
}

void RecordingSink::map(size_t count) {
  put_tag(bytes_, Tag::kMap);
  put_varint(bytes_, count);
}

void RecordingSink::refusal(Refusal refusal) {
  put_tag(bytes_, Tag::kRefusal);
  put_u8(bytes_, static_cast<uint8_t>(refusal));
}

bool replay(std::string_view bytes, ReplySink& sink) {
  if (const std::optional<Refusal> refusal = recorded_refusal(bytes)) {
    sink.refusal(*refusal);
    return true;
  }
  return walk(bytes, nullptr) && walk(bytes, &sink);
}

std::optional<Refusal> recorded_refusal(std::string_view bytes) {
  Reader reader(bytes);
  if (reader.u8() != static_cast<uint8_t>(Tag::kRefusal)) return std::nullopt;
  const uint8_t number = reader.u8();
  if (!reader.at_end()) return std::nullopt;
  return refusal_of(number);
}

}  // namespace torc::kv
