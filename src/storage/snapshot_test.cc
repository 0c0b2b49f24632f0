// A snapshot from the sender's checkpoint to the receiver's: what arrives is what was there, or an error.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/codec.h"
#include "base/crc32c.h"
#include "base/prng.h"
#include "kv/batch.h"
#include "sim/checkpoint_store.h"
#include "storage/checkpointer.h"
#include "storage/snapshot_sink.h"
#include "storage/snapshot_source.h"

namespace torc::storage {
namespace {

using ::testing::HasSubstr;

constexpr GroupId kGroup{7};
constexpr WallMs kNow{1'000'000};

/// Keeps the answer if it is a number.
class LastNumber : public kv::ReplyRouter, public kv::ReplySink {
 public:
  int64_t number = 0;
  kv::ReplySink& sink_for(size_t) override { return *this; }
  void ok() override {}
  void status(std::string_view) override {}
  void error(std::string_view) override {}
  void integer(int64_t value) override { number = value; }
  void bulk(std::string_view) override {}
  void nil() override {}
  void array(size_t) override {}
  void map(size_t) override {}
  void refusal(kv::Refusal) override {}
};

/// A replica's state and its store, without anything around them.
struct Store {
  sim::CheckpointStore store;
  std::unique_ptr<kv::StateMachine> state = std::make_unique<kv::StateMachine>(kv::StateMachineOptions{1});
  const consensus::Configuration configuration{{{NodeId(1), ReplicaNumber(11)}}, {}, {}};

  int64_t apply(kv::CommandId id, const std::vector<std::string_view>& args, const kv::SessionCall* call = nullptr) {
    kv::BatchBuilder batch(0);
    batch.add({id, args}, call);
    LastNumber reply;
    const Status applied = state->apply(state->applied() + 1, batch.take(kNow), reply);
    EXPECT_TRUE(applied.ok()) << applied.error().message;
    return reply.number;
  }
  void set(const std::string& key, const std::string& value) { apply(kv::CommandId::kSet, {key, value}); }
  void checkpoint() {
    Checkpointer checkpointer(store, kGroup, *state,
                              [](const Checkpointer::Outcome& outcome) { ASSERT_TRUE(outcome.status.ok()); });
    checkpointer.start(Term(3), configuration);
    while (checkpointer.step(1u << 20)) {
    }
    ASSERT_TRUE(store.run_all());
  }
  std::unique_ptr<SnapshotSource> source() {
    auto source = SnapshotSource::open(store, kGroup);
    EXPECT_TRUE(source.ok()) << source.error().message;
    return *std::move(source);
  }
  std::unique_ptr<SnapshotSink> sink() {
    return std::make_unique<SnapshotSink>(store, kGroup, kv::StateMachineOptions{2});
  }
  std::string contents() const {
    std::string all;
    const auto reader = const_cast<sim::CheckpointStore&>(store).read();
    for (reader->seek(""); reader->valid(); reader->next()) {
      put_bytes(all, reader->key());
      put_bytes(all, reader->value());
    }
    return all;
  }
};

std::vector<SnapshotSource::Chunk> all_chunks(SnapshotSource& source) {
  std::vector<SnapshotSource::Chunk> chunks;
  while (!source.is_at_end()) {
    auto chunk = source.next();
    EXPECT_TRUE(chunk.ok());
    chunks.push_back(*std::move(chunk));
  }
  return chunks;
}

std::string joined(const std::vector<SnapshotSource::Chunk>& chunks) {
  std::string stream;
  for (const auto& chunk : chunks) stream += chunk.bytes.view();
  return stream;
}

/// Feeds a stream in pieces of `piece` bytes behind checksums that fit.
Status feed(SnapshotSink& sink, std::string_view stream, size_t piece) {
  uint32_t checksum = 0;
  while (!stream.empty()) {
    const std::string_view bytes = stream.substr(0, piece);
    stream.remove_prefix(bytes.size());
    checksum = crc32c(bytes, checksum);
    if (Status taken = sink.take(bytes, checksum, stream.empty()); !taken.ok()) return taken;
  }
  return {};
}

void install(Store& at, SnapshotSink& sink) {
  bool is_done = false;
  sink.commit([&](const Status& status) { is_done = status.ok(); });
  ASSERT_TRUE(at.store.run_all());
  ASSERT_TRUE(is_done);
  at.state = sink.take_state();
}

/// A sender with some of everything, and its stream.
struct Sender : Store {
  Sender() {
    for (int i = 0; i < 300; ++i) set("key" + std::to_string(i), std::string(static_cast<size_t>(i * 7 % 90), 'v'));
    apply(kv::CommandId::kPSetEx, {"mortal", "5000", "v"});
    call = {kv::SessionId(5, 6), 1, 1, true};
    first_answer = apply(kv::CommandId::kIncr, {"counter"}, &call);
    call.is_first_send = false;
    checkpoint();
    stream = joined(all_chunks(*source()));
  }
  kv::SessionCall call{};
  int64_t first_answer = 0;
  std::string stream;
};

TEST(Snapshot, TheReceiverEndsInTheSendersStateHoweverTheStreamIsCut) {
  Sender sender;
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{64}, size_t{1000}, sender.stream.size()}) {
    Store receiver;
    receiver.set("old", "gone afterwards");
    receiver.set("key1", "another");
    receiver.checkpoint();
    const std::string before = receiver.contents();
    auto sink = receiver.sink();
    const Status fed = feed(*sink, sender.stream, piece);
    ASSERT_TRUE(fed.ok()) << fed.error().message;
    ASSERT_TRUE(sink->is_complete());
    EXPECT_EQ(sink->meta()->index, sender.state->applied());
    EXPECT_EQ(sink->meta()->term, Term(3));
    EXPECT_EQ(sink->meta()->configuration, sender.configuration);
    EXPECT_EQ(receiver.contents(), before) << "nothing is replaced before it is installed";
    install(receiver, *sink);
    EXPECT_EQ(receiver.contents(), sender.contents());
    EXPECT_EQ(receiver.state->digest(), sender.state->digest());
    EXPECT_EQ(receiver.state->applied(), sender.state->applied());
  }
}

TEST(Snapshot, SessionsAndDeadlinesAreInForceInTheInstalledState) {
  Sender sender;
  Store receiver;
  auto sink = receiver.sink();
  ASSERT_TRUE(feed(*sink, sender.stream, 500).ok());
  install(receiver, *sink);
  sink.reset();
  EXPECT_EQ(receiver.state->due_keys(WallMs{kNow.ms + 4'999}, 10, SIZE_MAX).keys.size(), 0u);
  EXPECT_EQ(receiver.state->due_keys(WallMs{kNow.ms + 5'000}, 10, SIZE_MAX).keys, std::vector<std::string>{"mortal"});
  EXPECT_EQ(receiver.apply(kv::CommandId::kIncr, {"counter"}, &sender.call), sender.first_answer)
      << "a call that the snapshot knows is not executed again";
  // The next checkpoint writes only what changed since: what the snapshot brought counts as stored.
  receiver.apply(kv::CommandId::kDel, {"key7"});
  receiver.checkpoint();
  Store again;
  auto second = again.sink();
  ASSERT_TRUE(feed(*second, joined(all_chunks(*receiver.source())), 4000).ok());
  install(again, *second);
  EXPECT_EQ(again.state->digest(), receiver.state->digest());
}

TEST(Snapshot, ChunksFollowEachOtherAndCarryTheChecksumOfEverythingSoFar) {
  Store sender;
  for (int i = 0; i < 40; ++i) sender.set("key" + std::to_string(i), std::string(50'000, 'v'));
  sender.set("empty", "");
  sender.checkpoint();
  const auto chunks = all_chunks(*sender.source());
  ASSERT_GE(chunks.size(), 7u);
  uint64_t offset = 0;
  uint32_t checksum = 0;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const bool is_last = i + 1 == chunks.size();
    EXPECT_EQ(chunks[i].offset, offset);
    EXPECT_EQ(chunks[i].is_last, is_last);
    EXPECT_TRUE(is_last || chunks[i].bytes.size() == kSnapshotChunkBytes);
    checksum = crc32c(chunks[i].bytes.view(), checksum);
    EXPECT_EQ(chunks[i].checksum, checksum);
    offset += chunks[i].bytes.size();
  }
  Store receiver;
  auto sink = receiver.sink();
  for (const auto& chunk : chunks) {
    EXPECT_EQ(sink->offset(), chunk.offset);
    EXPECT_FALSE(sink->is_complete());
    ASSERT_TRUE(sink->take(chunk.bytes.view(), chunk.checksum, chunk.is_last).ok());
  }
  install(receiver, *sink);
  EXPECT_EQ(receiver.state->digest(), sender.state->digest());
}

TEST(Snapshot, AValueOfTheLargestSizeSpansChunks) {
  Store sender;
  sender.set("large", std::string(kv::kValueBytesMax, 'v'));
  sender.set(std::string(kv::kKeyBytesMax, 'k'), "at the longest key");
  sender.checkpoint();
  const auto chunks = all_chunks(*sender.source());
  EXPECT_GT(chunks.size(), kv::kValueBytesMax / kSnapshotChunkBytes);
  Store receiver;
  auto sink = receiver.sink();
  for (const auto& chunk : chunks) {
    ASSERT_TRUE(sink->take(chunk.bytes.view(), chunk.checksum, chunk.is_last).ok());
  }
  install(receiver, *sink);
  EXPECT_EQ(receiver.state->digest(), sender.state->digest());
}

TEST(Snapshot, TheSendersViewDoesNotMoveWhileItIsRead) {
  Sender sender;
  const auto source = sender.source();
  sender.set("key1", "later");
  sender.apply(kv::CommandId::kDel, {"key2"});
  sender.checkpoint();
  EXPECT_EQ(joined(all_chunks(*source)), sender.stream);
  EXPECT_NE(joined(all_chunks(*sender.source())), sender.stream);
}

TEST(Snapshot, AGroupWithoutCheckpointHasNothingToSend) {
  Store sender;
  EXPECT_EQ(SnapshotSource::open(sender.store, kGroup).error().code, ErrorCode::kNotFound);
}

TEST(Snapshot, AnEmptyStateIsASnapshotToo) {
  Store sender;
  sender.state->skip(LogIndex(9));
  sender.checkpoint();
  Store receiver;
  receiver.set("old", "gone afterwards");
  auto sink = receiver.sink();
  ASSERT_TRUE(feed(*sink, joined(all_chunks(*sender.source())), 5).ok());
  install(receiver, *sink);
  EXPECT_EQ(receiver.state->key_count(), 0u);
  EXPECT_EQ(receiver.state->applied(), LogIndex(9));
}

TEST(Snapshot, EveryFlippedBitIsRefusedByItsChunksChecksum) {
  Sender sender;
  const uint32_t checksum = crc32c(sender.stream);
  Prng prng(3);
  for (int round = 0; round < 300; ++round) {
    std::string damaged = sender.stream;
    const uint64_t bit = prng.below(damaged.size() * 8);
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    Store receiver;
    EXPECT_FALSE(receiver.sink()->take(damaged, checksum, true).ok());
  }
}

TEST(Snapshot, AGapARepetitionAndAnEarlyEndAreRefused) {
  Sender sender;
  const std::string_view stream = sender.stream;
  const std::string_view first = stream.substr(0, 1000);
  const std::string_view second = stream.substr(1000, 1000);
  {
    Store receiver;
    auto sink = receiver.sink();
    ASSERT_TRUE(sink->take(first, crc32c(first), false).ok());
    EXPECT_FALSE(sink->take(stream.substr(2000, 1000), crc32c(stream.substr(0, 3000)), false).ok()) << "a gap";
  }
  {
    Store receiver;
    auto sink = receiver.sink();
    ASSERT_TRUE(sink->take(first, crc32c(first), false).ok());
    EXPECT_FALSE(sink->take(first, crc32c(first), false).ok()) << "the same again";
  }
  {
    Store receiver;
    auto sink = receiver.sink();
    ASSERT_TRUE(sink->take(first, crc32c(first), false).ok());
    EXPECT_FALSE(sink->take(second, crc32c(stream.substr(0, 2000)), true).ok()) << "the last, they say";
    EXPECT_FALSE(sink->is_complete());
  }
  {
    Store receiver;
    auto sink = receiver.sink();
    ASSERT_TRUE(feed(*sink, stream, 1000).ok());
    EXPECT_FALSE(sink->take("x", crc32c("x", crc32c(stream)), true).ok()) << "behind the end";
  }
}

/// A stream made by hand around a real head.
struct Forged {
  std::string head;
  std::string images;
  uint64_t count = 0;

  explicit Forged(Store& store) {
    const auto reader = store.store.read();
    reader->seek(checkpoint_meta_key(kGroup));
    head = std::string(reader->value());
  }
  void image(std::string_view key, std::string_view value) {
    put_bytes(images, key);
    put_bytes(images, value);
    ++count;
  }
  std::string stream() const {
    std::string out(1, static_cast<char>(kSnapshotVersion));
    put_bytes(out, head);
    out += images;
    put_u8(out, 0);
    put_u64(out, count);
    return out;
  }
  std::string error(size_t piece = SIZE_MAX) const {
    Store receiver;
    auto sink = receiver.sink();
    const Status fed = feed(*sink, stream(), piece);
    return fed.ok() ? "" : fed.error().message;
  }
};

std::pair<std::string, std::string> image_of(const std::string& key, const std::string& value) {
  Store store;
  store.set(key, value);
  store.checkpoint();
  const auto reader = store.store.read();
  reader->seek(kv::images_of({}).begin);
  return {std::string(reader->key()), std::string(reader->value())};
}

TEST(Snapshot, WhatBreaksTheFormatBehindAChecksumThatFitsIsRefused) {
  Store sender;
  sender.set("a", "1");
  sender.set("b", "2");
  sender.checkpoint();
  std::vector<std::pair<std::string, std::string>> images = {image_of("a", "1"), image_of("b", "2")};
  std::sort(images.begin(), images.end());
  const auto& [low, high] = std::pair(images[0], images[1]);
  const Forged empty(sender);
  EXPECT_EQ(empty.error(), "");

  Forged good = empty;
  good.image(low.first, low.second);
  good.image(high.first, high.second);
  EXPECT_EQ(good.error(), "");
  EXPECT_EQ(good.error(1), "");

  Forged forged = empty;
  forged.image(high.first, high.second);
  forged.image(low.first, low.second);
  EXPECT_EQ(forged.error(), "snapshot: keys do not ascend");

  forged = empty;
  forged.image(low.first, low.second);
  forged.image(low.first, low.second);
  EXPECT_EQ(forged.error(), "snapshot: keys do not ascend");

  forged = good;
  --forged.count;
  EXPECT_EQ(forged.error(), "snapshot: another number of images arrived than were sent");

  forged = empty;
  forged.image(checkpoint_meta_key(kGroup), low.second);
  EXPECT_EQ(forged.error(), "snapshot: a key outside of the group's arc");
  forged = empty;
  forged.image("\x02", low.second);
  EXPECT_EQ(forged.error(), "snapshot: a key outside of the group's arc");

  forged = empty;
  std::string misplaced = low.first;
  misplaced[3] = static_cast<char>(misplaced[3] ^ 1);
  forged.image(misplaced, low.second);
  EXPECT_EQ(forged.error(), "snapshot: checkpoint image: key at a wrong position");
  forged = empty;
  forged.image(low.first, low.second.substr(0, 5));
  EXPECT_EQ(forged.error(), "snapshot: checkpoint image: value too short");

  forged = empty;
  forged.head.back() = static_cast<char>(forged.head.back() ^ 1);
  EXPECT_EQ(forged.error(), "snapshot: checkpoint record of a group: wrong checksum");
  forged = empty;
  CheckpointMeta meta = decode_checkpoint_meta(empty.head).value();
  meta.group = GroupId(8);
  forged.head = encode_checkpoint_meta(meta);
  EXPECT_EQ(forged.error(), "snapshot: of another group");
  meta.group = kGroup;
  meta.index = consensus::kLogIndexMax + 1;
  forged.head = encode_checkpoint_meta(meta);
  EXPECT_EQ(forged.error(), "snapshot: of no index that exists");
  meta.index = consensus::kLogIndexMax;
  forged.head = encode_checkpoint_meta(meta);
  EXPECT_EQ(forged.error(), "");
  meta.header = "x";
  forged.head = encode_checkpoint_meta(meta);
  EXPECT_THAT(forged.error(), HasSubstr("the checkpoint's header has version 120, this program knows version 3"));
  meta.header = "\3";
  forged.head = encode_checkpoint_meta(meta);
  EXPECT_EQ(forged.error(), "snapshot: checkpoint header: malformed");
}

TEST(Snapshot, AnnouncedLengthsBeyondTheLimitsAreRefusedBeforeTheirBytesArrive) {
  Store sender;
  sender.set("a", "1");
  sender.checkpoint();
  const auto error_of = [](const std::string& stream) {
    Store receiver;
    const Status fed = receiver.sink()->take(stream, crc32c(stream), false);
    return fed.ok() ? "" : fed.error().message;
  };
  std::string start(1, static_cast<char>(kSnapshotVersion));
  const auto with_length = [](std::string stream, uint64_t length) {
    put_varint(stream, length);
    return stream;
  };
  EXPECT_EQ(error_of(with_length(start, kSnapshotHeadBytesMax)), "");
  EXPECT_EQ(error_of(with_length(start, kSnapshotHeadBytesMax + 1)), "snapshot: head too long");
  put_bytes(start, Forged(sender).head);
  EXPECT_EQ(error_of(with_length(start, kSnapshotKeyBytesMax)), "");
  EXPECT_EQ(error_of(with_length(start, kSnapshotKeyBytesMax + 1)), "snapshot: key too long");
  EXPECT_EQ(error_of(with_length(start, UINT64_MAX)), "snapshot: key too long");
  EXPECT_EQ(error_of(start + std::string(10, '\xff')), "snapshot: malformed length of a key");
  put_bytes(start, image_of("a", "1").first);
  EXPECT_EQ(error_of(with_length(start, kSnapshotValueBytesMax)), "");
  EXPECT_EQ(error_of(with_length(start, kSnapshotValueBytesMax + 1)), "snapshot: value too long");
  EXPECT_THAT(error_of(std::string(1, '\x03')), HasSubstr("the snapshot has version 3, this program knows version 2"));
}

TEST(Snapshot, AStagedOneThatIsGivenUpLeavesTheStoreToTheNextWriter) {
  Sender sender;
  Store receiver;
  receiver.set("kept", "v");
  receiver.checkpoint();
  const std::string before = receiver.contents();
  {
    auto sink = receiver.sink();
    ASSERT_TRUE(sink->take(std::string_view(sender.stream).substr(0, 2000),
                           crc32c(std::string_view(sender.stream).substr(0, 2000)), false)
                    .ok());
  }
  EXPECT_EQ(receiver.contents(), before);
  receiver.set("more", "v");
  receiver.checkpoint();
  Prng prng(1);
  {
    auto sink = receiver.sink();
    ASSERT_TRUE(feed(*sink, sender.stream, 999).ok());
    receiver.store.crash(prng);
  }
  EXPECT_NE(receiver.contents(), sender.contents()) << "what was not committed is gone after a crash";
}

}  // namespace
}  // namespace torc::storage
