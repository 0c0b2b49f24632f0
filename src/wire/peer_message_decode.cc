// Peer messages from bytes to values; whatever the bytes are.
#include "base/codec.h"
#include "base/crc32c.h"
#include "wire/peer.pb.h"
#include "wire/peer_consensus.h"
#include "wire/peer_message.h"

namespace torc::wire {
namespace {

constexpr size_t kCrcBytes = 4;
constexpr size_t kLengthBytes = 4;
constexpr size_t kPrefixBytes = kCrcBytes + kLengthBytes;  // CRC and header length

Error invalid(const char* what) { return {ErrorCode::kInvalid, std::string("peer message: ") + what}; }

Status read_entries(Bytes raw, LogIndex previous, std::vector<consensus::Entry>& entries) {
  while (!raw.empty()) {
    Result<consensus::Entry> entry = consensus::take_entry(raw);
    if (!entry.ok()) return entry.error();
    if (entry->index.value == 0 || entry->index.value - 1 != previous.value) return invalid("entries not consecutive");
    previous = entry->index;
    entries.push_back(*std::move(entry));
  }
  return {};
}

Result<PeerMessage> read_consensus(const pb::Consensus& header, Bytes raw) {
  consensus::Message message;
  if (!read_header(header, message)) return invalid("no or unknown consensus body");
  Status read;
  if (auto* append = std::get_if<consensus::AppendRequest>(&message.body)) {
    read = read_entries(std::move(raw), append->prev_index, append->entries);
  } else if (auto* pulled = std::get_if<consensus::PullReply>(&message.body)) {
    read = read_entries(std::move(raw), pulled->prev_index, pulled->entries);
  } else if (!raw.empty()) {
    return invalid("bytes after a message without payload");
  }
  if (!read.ok()) return read.error();
  return PeerMessage(std::move(message));
}

Result<PeerMessage> read_meet(const pb::Meet& header, const Bytes& raw) {
  const auto max = static_cast<int>(kMeetNodesMax);
  if (header.listed_size() > max || header.roster_size() > max) return invalid("a Meet of too many nodes");
  if (header.client_address().size() > kAddressBytesMax) return invalid("address too long");
  if (header.cluster_address().size() > kAddressBytesMax) return invalid("address too long");
  if (!raw.empty()) return invalid("bytes after a Meet");
  Meet meet;
  meet.node = NodeId(header.node());
  meet.incarnation = Incarnation(header.incarnation());
  for (uint64_t node : header.listed()) meet.listed.emplace_back(node);
  for (const pb::LifeId& id : header.roster()) meet.roster.push_back(read_header(id));
  meet.is_born = header.is_born();
  meet.may_only_return = header.may_only_return();
  meet.client_address = header.client_address();
  meet.cluster_address = header.cluster_address();
  if (header.chapters_size() > static_cast<int>(kNotedChaptersMax)) return invalid("a Meet of too many chapters");
  for (const pb::NotedChapter& one : header.chapters()) {
    meet.chapters.push_back({read_header(one.life()), {one.chapter(), one.nonce()}});
  }
  if (header.replicas_size() > static_cast<int>(kReplicasMax)) return invalid("a Meet of too many replicas");
  for (const uint64_t number : header.replicas()) meet.replicas.numbers.emplace_back(number);
  return PeerMessage(std::move(meet));
}

bool is_read(kv::CommandId id) {
  const kv::CommandTraits* traits = kv::traits_of(id);
  return traits != nullptr && !traits->is_write;
}

/// A command this node knows how to execute for a peer: a client's, or the beginning of the peer's session.
bool is_forwardable(kv::CommandId id) { return id == kv::CommandId::kOpenSession || kv::traits_of(id) != nullptr; }

bool are_known_flags(uint8_t flags) {
  const bool is_label_whole = (flags & kForwardedFirstSend) == 0 || (flags & kForwardedCall) != 0;
  return (flags & ~(kForwardedWrite | kForwardedCall | kForwardedFirstSend)) == 0 && is_label_whole;
}

Result<PeerMessage> read_forward_request(const pb::ForwardRequest& header, Bytes raw) {
  ForwardRequest request;
  request.group = GroupId(header.group());
  request.session = kv::SessionId(header.session_high(), header.session_low());
  request.floor = header.floor();
  request.epoch = header.epoch();
  request.batch = header.batch();
  request.is_relayed = header.is_relayed();
  request.wants_relay = header.wants_relay();
  request.origin = NodeId(header.origin());

  size_t args_left = kForwardedArgsMax;
  Reader reader(raw.view());
  while (!reader.rest().empty()) {
    if (request.commands.size() == kForwardedMax) return invalid("too many forwarded commands");
    ForwardedCommand command;
    command.sequence = reader.varint();
    const uint8_t flags = reader.u8();
    const uint64_t id = reader.varint();
    if (!are_known_flags(flags) || id > UINT16_MAX) return invalid("malformed forwarded command");
    command.is_write = (flags & kForwardedWrite) != 0;
    if ((flags & kForwardedCall) != 0) {
      kv::SessionCall& call = command.call.emplace();
      call.session = kv::take_session_id(reader);
      call.sequence = reader.varint();
      call.floor = reader.varint();
      call.is_first_send = (flags & kForwardedFirstSend) != 0;
    }
    const uint64_t argc = reader.varint();
    command.id = static_cast<kv::CommandId>(id);
    if (!is_forwardable(command.id)) return invalid("unknown forwarded command");
    // Whoever executes it as a read asks the state machine at once, and that knows how to read only reads.
    if (!command.is_write && !is_read(command.id)) return invalid("a write forwarded as a read");
    // Each argument takes at least one byte: a count that cannot be true is refused before anything is allocated.
    if (argc > reader.rest().size() || argc > args_left || argc > kv::kArgsMax)
      return invalid("too many forwarded arguments");
    args_left -= argc;
    command.args.reserve(argc);
    for (uint64_t i = 0; i < argc; ++i) command.args.push_back(reader.bytes());
    if (!reader.ok()) return invalid("short forwarded command");
    request.commands.push_back(std::move(command));
  }
  if (!reader.ok()) return invalid("short forwarded command");
  request.buffer = std::move(raw);
  return PeerMessage(std::move(request));
}

Result<PeerMessage> read_forward_reply(const pb::ForwardReply& header, Bytes raw) {
  ForwardReply reply;
  reply.group = GroupId(header.group());
  reply.epoch = header.epoch();
  reply.is_rejected = header.is_rejected();
  reply.batch = header.batch();
  reply.leader = read_header(header.leader());
  reply.term = Term(header.term());
  reply.is_probe = header.is_probe();
  reply.origin = NodeId(header.origin());
  reply.batches_taken = header.batches_taken();

  Reader reader(raw.view());
  while (!reader.rest().empty()) {
    if (reply.replies.size() == kForwardedMax) return invalid("too many forwarded replies");
    ForwardedReply one;
    one.sequence = reader.varint();
    one.reply = reader.bytes();
    if (!reader.ok()) return invalid("short forwarded reply");
    reply.replies.push_back(one);
  }
  if (!reader.ok()) return invalid("short forwarded reply");
  reply.buffer = std::move(raw);
  return PeerMessage(std::move(reply));
}

Result<PeerMessage> read_snapshot_chunk(const pb::SnapshotChunk& header, Bytes raw) {
  if (raw.size() > kSnapshotChunkBytesMax) return invalid("snapshot chunk too long");
  if (header.offset() > UINT64_MAX - raw.size()) return invalid("snapshot chunk beyond the number range");
  if (header.stream() == 0) return invalid("snapshot chunk of no stream");
  SnapshotChunk chunk;
  chunk.group = GroupId(header.group());
  chunk.from = read_header(header.from());
  chunk.to = read_header(header.to());
  chunk.term = Term(header.term());
  chunk.stream = header.stream();
  chunk.offset = header.offset();
  chunk.checksum = header.checksum();
  chunk.is_last = header.is_last();
  chunk.bytes = std::move(raw);
  return PeerMessage(std::move(chunk));
}

Result<PeerMessage> read_snapshot_reply(const pb::SnapshotReply& header, const Bytes& raw) {
  if (header.progress() > static_cast<uint32_t>(SnapshotProgress::kRefused)) return invalid("unknown progress");
  if (!raw.empty()) return invalid("bytes after a snapshot's reply");
  SnapshotReply reply;
  reply.group = GroupId(header.group());
  reply.from = read_header(header.from());
  reply.to = read_header(header.to());
  reply.stream = header.stream();
  reply.next_offset = header.next_offset();
  reply.progress = static_cast<SnapshotProgress>(header.progress());
  return PeerMessage(reply);
}

Result<PeerMessage> read_pack(const Bytes& raw) {
  Pack pack{.parts = {}, .bytes = raw.size()};
  for (size_t at = 0; at < raw.size();) {
    if (pack.parts.size() == kPackPartsMax) return invalid("too many messages in a pack");
    if (raw.size() - at < kLengthBytes) return invalid("short pack");
    const size_t bytes = load_u32(raw.view().data() + at);
    at += kLengthBytes;
    if (bytes > raw.size() - at) return invalid("short pack");
    pack.parts.push_back(raw.slice(at, bytes));
    at += bytes;
  }
  return PeerMessage(std::move(pack));
}

Result<PeerMessage> read_beat(const pb::Beat& header, const Bytes& raw) {
  auto heartbeats = read_heartbeats(raw.view(), header.stamp());
  if (!heartbeats.ok()) return heartbeats.error();
  return PeerMessage(Beat{header.number(), *std::move(heartbeats)});
}

Result<PeerMessage> read_beat_reply(const pb::BeatReply& header, const Bytes& raw) {
  auto exceptions = read_exceptions(raw.view());
  if (!exceptions.ok()) return exceptions.error();
  return PeerMessage(BeatReply{header.number(), *std::move(exceptions)});
}

Result<PeerMessage> read_message(const pb::Header& header, Bytes raw) {
  switch (header.message_case()) {
    case pb::Header::kConsensus:
      return read_consensus(header.consensus(), std::move(raw));
    case pb::Header::kMeet:
      return read_meet(header.meet(), raw);
    case pb::Header::kForwardRequest:
      return read_forward_request(header.forward_request(), std::move(raw));
    case pb::Header::kForwardReply:
      return read_forward_reply(header.forward_reply(), std::move(raw));
    case pb::Header::kSnapshotChunk:
      return read_snapshot_chunk(header.snapshot_chunk(), std::move(raw));
    case pb::Header::kSnapshotReply:
      return read_snapshot_reply(header.snapshot_reply(), raw);
    case pb::Header::kClockReport:
      if (!raw.empty()) return invalid("bytes after a ClockReport");
      return PeerMessage(ClockReport{WallMs{header.clock_report().wall_ms()}, header.clock_report().is_disk_full()});
    case pb::Header::kTwinReport:
      if (!raw.empty()) return invalid("bytes after a TwinReport");
      if (header.twin_report().text().size() > kReportBytesMax) return invalid("report too long");
      return PeerMessage(TwinReport{NodeId(header.twin_report().node()), header.twin_report().text()});
    case pb::Header::kPack:
      return read_pack(raw);
    case pb::Header::kBeat:
      return read_beat(header.beat(), raw);
    case pb::Header::kBeatReply:
      return read_beat_reply(header.beat_reply(), raw);
    case pb::Header::MESSAGE_NOT_SET:
      break;
  }
  return invalid("of a kind this version does not know");
}

/// Takes the header off the front of `part`.
Status take_header(Bytes& part, pb::Header& header) {
  if (part.size() < kLengthBytes) return invalid("short");
  const size_t header_bytes = load_u32(part.view().data());
  if (header_bytes > kHeaderBytesMax || header_bytes > part.size() - kLengthBytes) return invalid("header too long");
  if (!header.ParseFromArray(part.view().data() + kLengthBytes, static_cast<int>(header_bytes))) {
    return invalid("bad header");
  }
  part = part.slice(kLengthBytes + header_bytes);
  return {};
}

}  // namespace

Result<PeerMessage> decode(Bytes body) {
  if (body.size() < kPrefixBytes) return invalid("short");
  if (load_u32(body.view().data()) != crc32c(body.view().substr(kCrcBytes))) return invalid("checksum does not match");
  pb::Header header;
  Bytes raw = body.slice(kCrcBytes);
  const Status taken = take_header(raw, header);
  if (!taken.ok()) return taken.error();
  return read_message(header, std::move(raw));
}

Result<PeerMessage> decode_part(const Pack& pack, size_t position) {
  pb::Header header;
  Bytes raw = pack.parts[position];
  const Status taken = take_header(raw, header);
  if (!taken.ok()) return taken.error();
  if (header.has_pack()) return invalid("a pack in a pack");
  const bool is_most_of_it = raw.size() >= pack.bytes / 2;
  if (!is_most_of_it && !raw.empty() && !header.has_beat()) raw = Bytes::copy_of(raw.view());
  return read_message(header, std::move(raw));
}

}  // namespace torc::wire
