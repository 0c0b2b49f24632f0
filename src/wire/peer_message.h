// What nodes say to each other, as values; encoded as a Protobuf header followed by raw entries or commands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/strong_id.h"
#include "base/time.h"
#include "consensus/message.h"
#include "kv/batch.h"
#include "wire/beat.h"
#include "wire/introduction.h"

namespace torc::wire {

/// Sent by every node to every listed node until all have met, and once per new connection afterwards
/// (rules.md#new-life-new-id).
struct Meet {
  NodeId node;
  Incarnation incarnation;
  std::vector<NodeId> listed;          // --initial-cluster, sorted: must be the same everywhere
  std::vector<LifeId> roster;          // what the sender has durably written down; empty: not yet
  bool may_only_return = false;        // its former data was damaged: it founds no cluster
  bool is_born = false;                // the sender knows that every listed node has written the same roster
  std::string client_address;          // host:port where the sender serves clients: its any door
  std::string cluster_address;         // its cluster door; empty: it has none
  std::vector<NotedChapter> chapters;  // what the sender has durably written down, its own latest included
  HeldReplicas replicas;               // of the sender, durable; none before the birth, and while a start draws some
};

/// Flags of a forwarded command.
constexpr uint8_t kForwardedWrite = 1;
constexpr uint8_t kForwardedCall = 2;       // the command's own session, sequence and floor follow the id
constexpr uint8_t kForwardedFirstSend = 4;  // of that label

/// One command on its way from the node that got it to the leader.
struct ForwardedCommand {
  uint64_t sequence = 0;  // within the forwarding node's session, and the label of the reply
  bool is_write = false;
  kv::CommandId id = kv::CommandId::kNone;
  std::vector<std::string_view> args;   // views into the message's buffer or the sender's queue
  std::optional<kv::SessionCall> call;  // the command's own label, instead of the forwarding node's session
};

/// Sent by a node to the leader it knows. A stream restarts (epoch + 1, batch 0) after every rejection or reconnect,
/// and the receiver takes batches only in order, so commands of one client are never executed out of order.
/// Without commands it is a probe, outside of the stream: "would you execute what comes this way?" Its batch is a
/// number of the sender's choice, repeated in the answer.
struct ForwardRequest {
  GroupId group;
  kv::SessionId session;  // of the forwarding process, open already; none: reads and labelled commands only
  uint64_t floor = 0;     // all sequences below have been answered
  uint64_t epoch = 0;
  uint64_t batch = 0;
  // While the direct link is cut, the sender asks another member to pass it on; that one does so once
  // (rules.md#one-relay-hop).
  bool wants_relay = false;  // first hop: pass it on to the leader you know
  bool is_relayed = false;   // second hop, never passed on again; the answer goes back through the one who relayed it
  NodeId origin;             // relayed: whose stream it is
  std::vector<ForwardedCommand> commands;
  Bytes buffer;  // owner of the views after decoding
};

struct ForwardedReply {
  uint64_t sequence = 0;
  std::string_view reply;  // recorded by kv/recorded_reply
};

/// Sent by the node that got a ForwardRequest. Either replies (in any order, possibly over several messages), or a
/// rejection of the whole batch and everything after it in this epoch, with the leader it knows.
struct ForwardReply {
  GroupId group;
  uint64_t epoch = 0;
  bool is_rejected = false;
  uint64_t batch = 0;           // rejected: which batch
  consensus::ReplicaId leader;  // rejected: none if unknown
  Term term;
  bool is_probe = false;  // answers a probe; rejected: no
  NodeId origin;          // whose stream it answers, if it goes back through a relay; none: the receiver's
  /// A probe: how many batches of this epoch have arrived, so that who has sent no more only has to wait.
  uint64_t batches_taken = 0;
  std::vector<ForwardedReply> replies;
  Bytes buffer;
};

/// A piece of a snapshot on its way to a replica whose next entry is cut from the sender's log (bulk channel). The
/// stream is what storage/snapshot_format.h describes; its chunks follow each other without gaps.
struct SnapshotChunk {
  GroupId group;
  consensus::ReplicaId from;
  consensus::ReplicaId to;
  Term term;              // the sender's current term when the stream began: it knew what it sends to be committed
  uint64_t stream = 0;    // names the stream, never 0; drawn anew whenever the sender begins from the front
  uint64_t offset = 0;    // of the first byte within the stream
  uint32_t checksum = 0;  // CRC-32C of the stream from its first byte up to the end of this chunk
  bool is_last = false;
  Bytes bytes;
};

/// Values stand in messages: never renumber.
enum class SnapshotProgress : uint8_t {
  kReceiving = 0,  // send what follows next_offset
  kDone = 1,       // the receiver's state covers the snapshot, durably
  kRefused = 2,    // damaged, or the receiver is busy with another one: begin anew later
};

/// Sent by the receiver of a stream for every chunk that tells it something, and for every one it did not expect.
struct SnapshotReply {
  GroupId group;
  consensus::ReplicaId from;
  consensus::ReplicaId to;
  uint64_t stream = 0;
  uint64_t next_offset = 0;  // everything below has arrived and was found good
  SnapshotProgress progress = SnapshotProgress::kReceiving;
};

/// Sent by every node to every other about once a second (node/clock_watch.h).
struct ClockReport {
  WallMs wall;                // what the sender's clock showed when it sent this
  bool is_disk_full = false;  // it has no space for entries
};

/// Sent by a node that refuses a second process with one number, to everyone: to the process that is connected, too.
struct TwinReport {
  NodeId node;       // which there are two of
  std::string text;  // a sentence for the log
};

/// Several messages in one frame: what all groups of a node say to another in a turn.
struct Pack {
  std::vector<Bytes> parts;  // each to be read by decode_part(), so that one of them is refused and not all
  size_t bytes = 0;          // of a received one, in all
};

using PeerMessage = std::variant<consensus::Message, Meet, ForwardRequest, ForwardReply, SnapshotChunk, SnapshotReply,
                                 ClockReport, TwinReport, Pack, Beat, BeatReply>;

/// Body: u32 CRC-32C of the rest, u32 header bytes, Protobuf header, raw bytes (entries one after the other, or
/// commands).
ByteChain encode(const PeerMessage& message);
ByteChain encode(const consensus::Message& message);
/// Errors: kInvalid for anything malformed; never allocates by an announced size. Entries and views share `body`.
Result<PeerMessage> decode(Bytes body);

/// A message that has no frame yet: encode() but for the first four bytes, which are the CRC of a frame of its own or
/// the length within a pack. Entries are not copied.
ByteChain encode_part(const consensus::Message& message);
ByteChain encode_part(const PeerMessage& message);
/// The frame body with these messages in this order, and leaves `parts` empty: one is what encode() makes of it,
/// several are a pack. Requires: at least one, at most kPackPartsMax.
ByteChain frame_of(std::vector<ByteChain>& parts);
/// As decode(). What a message keeps of a pack of others is its own copy, so that an entry that is held for a member
/// that lags does not hold what other groups said with it. Requires: position < pack.parts.size().
Result<PeerMessage> decode_part(const Pack& pack, size_t position);

constexpr size_t kFrameBytesMax = 64u << 20;   // transports refuse larger frames before allocating
constexpr size_t kHeaderBytesMax = 64u << 10;  // a Meet of kMeetNodesMax nodes takes about half of it
constexpr size_t kMeetNodesMax = 1024;
constexpr size_t kAddressBytesMax = 512;  // a DNS name and a port
constexpr size_t kReportBytesMax = 1024;
constexpr size_t kPackPartsMax = 4096;
/// Commands or replies in one message, and arguments of all its commands together: senders close a batch long before
/// (about 1 MiB, then one more command), receivers bound what small bytes may unfold into.
constexpr size_t kForwardedMax = 1u << 20;
constexpr size_t kForwardedArgsMax = 4u << 20;
constexpr size_t kSnapshotChunkBytesMax =
    1u << 20;  // larger ones would hold up what is behind them (rules.md#two-connections)

}  // namespace torc::wire
