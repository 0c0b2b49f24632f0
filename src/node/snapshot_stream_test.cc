// A sender and a receiver of snapshots with nothing but the test between them: every message may be lost or repeated.
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "kv/batch.h"
#include "node/snapshot_receiver.h"
#include "node/snapshot_sender.h"
#include "sim/checkpoint_store.h"
#include "storage/checkpointer.h"

namespace torc::node {
namespace {

using consensus::ReplicaId;
using wire::SnapshotProgress;

constexpr GroupId kGroup{1};
constexpr Duration kSilence = 200ms;
constexpr Duration kRetry = 40ms;
constexpr Duration kStall = 4 * kSilence;
ReplicaId replica(uint64_t node) { return {NodeId(node), ReplicaNumber(node)}; }

class NoReplies : public kv::ReplyRouter {
 public:
  kv::ReplySink& sink_for(size_t) override { return sink_; }

 private:
  kv::NullSink sink_;
};

/// Makes a checkpoint of `keys` values durable. Returns the state's digest.
uint64_t fill(sim::CheckpointStore& store, size_t keys, size_t value_bytes) {
  kv::StateMachine state({});
  const std::string value(value_bytes, 'v');
  NoReplies replies;
  for (size_t i = 0; i < keys; ++i) {
    const std::string key = "key" + std::to_string(i);
    const std::vector<std::string_view> args = {key, value};
    kv::BatchBuilder batch(0);
    batch.add({kv::CommandId::kSet, args});
    EXPECT_TRUE(state.apply(state.applied() + 1, batch.take(WallMs{1000}), replies).ok());
  }
  storage::Checkpointer checkpointer(store, kGroup, state, [](const auto&) {});
  checkpointer.start(Term(3), {{replica(1), replica(2), replica(3)}, {}, {}});
  while (checkpointer.step(1u << 20)) {
  }
  store.run_all();
  return state.digest();
}

/// Replicas 1 and 3 may send, replica 2 receives.
struct Link {
  Link(size_t keys, size_t value_bytes) : digest(fill(sender_store, keys, value_bytes)) { restart_receiver(); }

  void restart_receiver() {
    receiver.reset();
    receiver =
        std::make_unique<SnapshotReceiver>(SnapshotReceiverOptions{kGroup, replica(2), {}, kStall}, receiver_store,
                                           [this](const wire::SnapshotReply& reply) { replies.push_back(reply); });
  }
  std::unique_ptr<SnapshotSender> another_sender(uint64_t node) {
    return std::make_unique<SnapshotSender>(
        SnapshotSenderOptions{kGroup, replica(node), node, kRetry, kSilence}, sender_store,
        [this](const wire::SnapshotChunk& chunk) {
          ++chunks_sent;
          chunks.push_back(chunk);
        },
        [this](ReplicaId peer, std::optional<LogIndex> index) {
          EXPECT_EQ(peer, replica(2));
          EXPECT_EQ(finished, 0) << "ended twice";
          ++finished;
          arrived = index;
        });
  }
  void begin() { ASSERT_TRUE(sender->begin(replica(2), Term(5), now).ok()); }

  /// The oldest chunk arrives.
  SnapshotReceiver::Event deliver_chunk(bool may_begin = true) {
    const wire::SnapshotChunk chunk = chunks.front();
    chunks.pop_front();
    ++chunks_delivered;
    in_flight_max = std::max(in_flight_max, chunks.size() + 1);
    const auto event = receiver->on_chunk(chunk, may_begin, now);
    if (event == SnapshotReceiver::Event::kComplete) install();
    return event;
  }
  void install() {
    auto sink = receiver->take_for_install();
    bool is_durable = false;
    sink->commit([&](const Status& status) { is_durable = status.ok(); });
    receiver_store.run_all();
    ASSERT_TRUE(is_durable);
    state = sink->take_state();
    sink.reset();
    ++installed;
    receiver->finish();
  }
  void deliver_reply() {
    const wire::SnapshotReply reply = replies.front();
    replies.pop_front();
    ASSERT_TRUE(sender->on_reply(reply, now).ok());
  }
  /// Until nothing is on its way any more.
  void deliver_all() {
    while (!chunks.empty() || !replies.empty()) {
      if (!chunks.empty()) deliver_chunk();
      if (!replies.empty()) deliver_reply();
    }
  }
  void lose_all() {
    chunks.clear();
    replies.clear();
  }
  void wait(Duration length) {
    now = now + length;
    sender->maintain(now);
    receiver->maintain(now);
  }

  sim::CheckpointStore sender_store;
  sim::CheckpointStore receiver_store;
  uint64_t digest;
  Instant now{1};
  std::deque<wire::SnapshotChunk> chunks;
  std::deque<wire::SnapshotReply> replies;
  size_t chunks_sent = 0;
  size_t chunks_delivered = 0;
  size_t in_flight_max = 0;
  int finished = 0;
  std::optional<LogIndex> arrived;
  int installed = 0;
  std::unique_ptr<kv::StateMachine> state;
  std::unique_ptr<SnapshotSender> sender = another_sender(1);
  std::unique_ptr<SnapshotReceiver> receiver;
};

TEST(SnapshotStream, ArrivesWholeWithAFewChunksUnderWayAtATime) {
  Link link(20, 200'000);
  link.begin();
  EXPECT_EQ(link.chunks.size(), 1u) << "the first goes alone";
  link.deliver_all();
  EXPECT_EQ(link.finished, 1);
  EXPECT_EQ(link.arrived, LogIndex(20));
  EXPECT_EQ(link.state->digest(), link.digest);
  EXPECT_GT(link.chunks_sent, 3 * kSnapshotWindowChunks);
  EXPECT_EQ(link.in_flight_max, kSnapshotWindowChunks);
}

TEST(SnapshotStream, TheLogBehindItIsKeptUntilItsReceiverHasHadTimeToAsk) {
  Link link(20, 200'000);
  link.begin();
  link.deliver_all();
  ASSERT_EQ(link.arrived, LogIndex(20));
  link.wait(kSilence - 1ms);
  EXPECT_EQ(link.sender->lowest_index(), LogIndex(20));
  link.wait(1ms);
  EXPECT_EQ(link.sender->lowest_index(), std::nullopt);
}

TEST(SnapshotStream, OneThatIsInterruptedAtAnyChunkGoesOnWhereItWas) {
  size_t chunk_count = 0;
  {
    Link link(20, 200'000);
    link.begin();
    link.deliver_all();
    chunk_count = link.chunks_sent;
  }
  for (size_t lost_after = 0; lost_after < chunk_count; ++lost_after) {
    for (const bool is_reconnected : {false, true}) {
      Link link(20, 200'000);
      link.begin();
      while (link.chunks_delivered < lost_after && !link.chunks.empty()) {
        link.deliver_chunk();
        if (link.finished == 0 && !link.replies.empty()) link.deliver_reply();
      }
      link.lose_all();
      if (is_reconnected) {
        link.sender->on_connected(NodeId(2), link.now);
      } else {
        link.wait(kSilence);
      }
      link.deliver_all();
      ASSERT_EQ(link.finished, 1) << "lost after " << lost_after;
      EXPECT_EQ(link.arrived, LogIndex(20));
      EXPECT_EQ(link.installed, 1);
      EXPECT_EQ(link.state->digest(), link.digest);
      EXPECT_LE(link.chunks_sent, chunk_count + kSnapshotWindowChunks) << "only what was under way is sent again";
    }
  }
}

TEST(SnapshotStream, ALostLastWordIsAskedForAgain) {
  Link link(3, 100);
  link.begin();
  link.deliver_chunk();
  EXPECT_EQ(link.installed, 1);
  link.lose_all();
  EXPECT_EQ(link.finished, 0);
  link.wait(kSilence);
  link.deliver_all();
  EXPECT_EQ(link.arrived, LogIndex(3));
  EXPECT_EQ(link.installed, 1);
}

TEST(SnapshotStream, RepeatedAndReorderedMessagesChangeNothing) {
  Link link(20, 200'000);
  link.begin();
  while (!link.chunks.empty() || !link.replies.empty()) {
    if (!link.chunks.empty()) {
      const wire::SnapshotChunk again = link.chunks.front();
      link.deliver_chunk();
      const auto event = link.receiver->on_chunk(again, true, link.now);
      EXPECT_EQ(event, SnapshotReceiver::Event::kNone);
      if (link.chunks.size() > 1) std::swap(link.chunks[0], link.chunks[1]);
    }
    while (!link.replies.empty() && link.finished == 0) {
      const wire::SnapshotReply again = link.replies.front();
      link.deliver_reply();
      ASSERT_TRUE(link.sender->on_reply(again, link.now).ok());
      link.now = link.now + 1ms;
    }
    if (link.finished == 1) break;
    if (link.chunks.empty()) link.wait(kSilence);
  }
  EXPECT_EQ(link.arrived, LogIndex(20));
  EXPECT_EQ(link.state->digest(), link.digest);
  EXPECT_EQ(link.installed, 1);
}

TEST(SnapshotStream, ADamagedChunkIsRefusedAndNothingIsInstalled) {
  Link link(20, 200'000);
  link.begin();
  link.deliver_chunk();
  link.deliver_reply();
  std::string bytes(link.chunks.front().bytes.view());
  bytes[1000] = static_cast<char>(bytes[1000] ^ 1);
  link.chunks.front().bytes = Bytes(bytes);
  link.deliver_chunk();
  EXPECT_FALSE(link.receiver->is_staging()) << "the store's writer is free again";
  link.deliver_all();
  EXPECT_EQ(link.finished, 1);
  EXPECT_EQ(link.arrived, std::nullopt);
  EXPECT_EQ(link.installed, 0);
}

TEST(SnapshotStream, AReceiverThatForgotWhatItHadEndsTheStream) {
  Link link(20, 200'000);
  link.begin();
  for (int i = 0; i < 5; ++i) {
    link.deliver_chunk();
    link.deliver_reply();
  }
  link.restart_receiver();
  link.deliver_all();
  EXPECT_EQ(link.finished, 1);
  EXPECT_EQ(link.arrived, std::nullopt) << "it is begun anew when the core asks again";
}

TEST(SnapshotStream, WithoutAnAnswerItIsGivenUpInTheEnd) {
  Link link(20, 200'000);
  link.begin();
  EXPECT_EQ(link.sender->lowest_index(), LogIndex(20));
  link.lose_all();
  for (int i = 0; i < kSnapshotPatience - 1; ++i) {
    link.wait(kSilence);
    EXPECT_EQ(link.chunks.size(), 1u) << "sent again";
    link.lose_all();
    ASSERT_EQ(link.finished, 0);
  }
  link.wait(kSilence);
  EXPECT_EQ(link.finished, 1);
  EXPECT_EQ(link.arrived, std::nullopt);
  EXPECT_EQ(link.sender->lowest_index(), std::nullopt) << "the log is held back no longer";
}

TEST(SnapshotStream, AStagedOneWhoseSenderIsGoneFreesTheStore) {
  Link link(20, 200'000);
  link.begin();
  link.deliver_chunk();
  EXPECT_TRUE(link.receiver->is_staging());
  link.now = link.now + (kStall - 1ms);
  link.receiver->maintain(link.now);
  EXPECT_TRUE(link.receiver->is_staging());
  link.now = link.now + 1ms;
  link.receiver->maintain(link.now);
  EXPECT_FALSE(link.receiver->is_staging());
}

TEST(SnapshotStream, WhileACheckpointIsWrittenNothingIsBegunAndTheSenderIsPatient) {
  Link link(3, 100);
  link.begin();
  link.deliver_chunk(false);
  EXPECT_FALSE(link.receiver->is_staging());
  EXPECT_TRUE(link.replies.empty());
  link.wait(kSilence);
  link.deliver_all();
  EXPECT_EQ(link.arrived, LogIndex(3));
}

TEST(SnapshotStream, ASecondSenderIsPutOffUnlessItsTermIsHigherOrTheFirstIsGone) {
  Link link(20, 200'000);
  link.begin();
  link.deliver_chunk();
  const auto chunk_of_other = [&](Term term) {
    auto other = link.another_sender(3);
    link.lose_all();
    EXPECT_TRUE(other->begin(replica(2), term, link.now).ok());
    link.deliver_chunk();
    return link.replies.back();
  };
  EXPECT_EQ(chunk_of_other(Term(5)).progress, SnapshotProgress::kRefused);
  wire::SnapshotReply reply = chunk_of_other(Term(6));
  EXPECT_EQ(reply.progress, SnapshotProgress::kReceiving);
  EXPECT_EQ(reply.to, replica(3));
  EXPECT_GT(reply.next_offset, 0u);

  link.sender = link.another_sender(1);
  link.lose_all();
  link.begin();
  link.deliver_chunk();
  EXPECT_EQ(link.replies.back().progress, SnapshotProgress::kRefused) << "of a lower term, while the other goes on";
  link.deliver_reply();
  EXPECT_EQ(link.finished, 1);
  link.finished = 0;
  link.now = link.now + kStall;
  link.begin();
  link.deliver_all();
  EXPECT_EQ(link.arrived, LogIndex(20));
}

TEST(SnapshotStream, MessagesOfAnotherStreamAreIgnored) {
  Link link(20, 200'000);
  link.begin();
  link.deliver_chunk();
  wire::SnapshotReply stray = link.replies.front();
  ++stray.stream;
  stray.progress = SnapshotProgress::kDone;
  ASSERT_TRUE(link.sender->on_reply(stray, link.now).ok());
  stray = link.replies.front();
  stray.from = replica(3);
  stray.progress = SnapshotProgress::kDone;
  ASSERT_TRUE(link.sender->on_reply(stray, link.now).ok());
  stray = link.replies.front();
  stray.next_offset = UINT64_MAX;  // more than was sent
  ASSERT_TRUE(link.sender->on_reply(stray, link.now).ok());
  EXPECT_EQ(link.finished, 0);
  link.deliver_all();
  EXPECT_EQ(link.arrived, LogIndex(20));
}

}  // namespace
}  // namespace torc::node
