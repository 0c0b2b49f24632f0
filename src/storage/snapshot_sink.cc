#include "storage/snapshot_sink.h"

#include <utility>

#include "base/check.h"
#include "base/codec.h"
#include "base/crc32c.h"
#include "base/version.h"

namespace torc::storage {
namespace {

constexpr size_t kVarintBytesMax = 10;

Error invalid(const std::string& what) { return Error{ErrorCode::kInvalid, "snapshot: " + what}; }

Error unusable(const Error& error) { return error.code == ErrorCode::kVersion ? error : invalid(error.message); }

/// A length and its bytes from the front of `rest`; nothing if they have not arrived yet.
Result<std::optional<std::string_view>> take_bytes(std::string_view& rest, size_t size_max, const char* what) {
  Reader reader(rest);
  const uint64_t size = reader.varint();
  if (!reader.ok()) {
    if (rest.size() >= kVarintBytesMax) return invalid(std::string("malformed length of a ") + what);
    return std::optional<std::string_view>();
  }
  if (size > size_max) return invalid(std::string(what) + " too long");
  if (size > reader.rest().size()) return std::optional<std::string_view>();
  const std::string_view bytes = reader.take(size);
  rest = reader.rest();
  return std::optional(bytes);
}

}  // namespace

SnapshotSink::SnapshotSink(env::CheckpointStore& store, GroupId group, KeyRange range,
                           const kv::StateMachineOptions& options)
    : group_(group),
      range_(std::move(range)),
      state_(std::make_unique<kv::StateMachine>(options)),
      writer_(store.begin()) {}

SnapshotSink::~SnapshotSink() = default;

Status SnapshotSink::take(std::string_view bytes, uint32_t checksum, bool is_last) {
  if (is_complete_) return invalid("bytes behind the end");
  if (bytes.empty()) return invalid("empty chunk");
  checksum_ = crc32c(bytes, checksum_);
  if (checksum_ != checksum) return invalid("checksum does not match at offset " + std::to_string(offset_));
  offset_ += bytes.size();
  unread_ += bytes;
  std::string_view rest = unread_;
  while (!rest.empty()) {
    const Result<Step> done = step(rest);
    if (!done.ok()) return done.error();
    if (*done == Step::kNeedsMore) break;
  }
  if (is_last) {
    if (expected_ != Expected::kNothing || !rest.empty()) return invalid("ends too early");
    is_complete_ = true;
  }
  unread_.erase(0, unread_.size() - rest.size());
  return {};
}

Result<SnapshotSink::Step> SnapshotSink::step(std::string_view& rest) {
  switch (expected_) {
    case Expected::kVersion: {
      const auto version = static_cast<uint8_t>(rest.front());
      if (version != kSnapshotVersion) return unknown_version("the snapshot", version, kSnapshotVersion);
      rest.remove_prefix(1);
      expected_ = Expected::kHead;
      return Step::kTaken;
    }
    case Expected::kHead:
      return take_head(rest);
    case Expected::kImage:
      return take_image(rest);
    case Expected::kNothing:
      break;
  }
  return invalid("bytes behind the end");
}

Result<SnapshotSink::Step> SnapshotSink::take_head(std::string_view& rest) {
  const auto head = take_bytes(rest, kSnapshotHeadBytesMax, "head");
  if (!head.ok()) return head.error();
  if (!*head) return Step::kNeedsMore;
  if (const Status opened = open(**head); !opened.ok()) return opened.error();
  expected_ = Expected::kImage;
  return Step::kTaken;
}

Result<SnapshotSink::Step> SnapshotSink::take_image(std::string_view& rest) {
  std::string_view behind = rest;
  const auto key = take_bytes(behind, kSnapshotKeyBytesMax, "key");
  if (!key.ok()) return key.error();
  if (!*key) return Step::kNeedsMore;
  if ((*key)->empty()) {
    Reader reader(behind);
    const uint64_t count = reader.u64();
    if (!reader.ok()) return Step::kNeedsMore;
    if (count != images_) return invalid("another number of images arrived than were sent");
    rest = reader.rest();
    expected_ = Expected::kNothing;
    return Step::kTaken;
  }
  const auto value = take_bytes(behind, kSnapshotValueBytesMax, "value");
  if (!value.ok()) return value.error();
  if (!*value) return Step::kNeedsMore;
  if (const Status added = add(**key, **value); !added.ok()) return added.error();
  rest = behind;
  return Step::kTaken;
}

Status SnapshotSink::open(std::string_view head) {
  auto meta = decode_checkpoint_meta(head);
  if (!meta.ok()) return unusable(meta.error());
  if (meta->group != group_) return invalid("of another group");
  if (!meta->index || meta->index > consensus::kLogIndexMax) return invalid("of no index that exists");
  if (const Status restored = state_->restore_header(meta->header, meta->index); !restored.ok()) {
    return unusable(restored.error());
  }
  // The store's order: the group's record stands before all data, and the older data goes before the new comes.
  writer_->put(checkpoint_meta_key(group_), head);
  writer_->erase_range(range_.begin, range_.end);
  meta_ = std::move(meta).value();
  return {};
}

Status SnapshotSink::add(std::string_view key, std::string_view value) {
  if (!range_.contains(key)) return invalid("a key outside the group's range");
  if (key <= last_key_) return invalid("keys do not ascend");
  if (const Status restored = state_->restore(key, value); !restored.ok()) return unusable(restored.error());
  writer_->put(key, value);
  last_key_ = key;
  ++images_;
  return {};
}

void SnapshotSink::stage(std::function<void(Status)> done) {
  CHECK(is_complete_);
  writer_->stage(std::move(done));
}

void SnapshotSink::commit(std::function<void(Status)> done) {
  CHECK(is_complete_);
  writer_->commit(std::move(done));
}

std::unique_ptr<kv::StateMachine> SnapshotSink::take_state() {
  CHECK(is_complete_);
  return std::move(state_);
}

}  // namespace torc::storage
