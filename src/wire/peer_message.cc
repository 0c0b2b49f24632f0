#include "wire/peer_message.h"

#include "base/codec.h"
#include "base/crc32c.h"
#include "wire/peer.pb.h"
#include "wire/peer_consensus.h"

namespace torc::wire {
namespace {

constexpr size_t kCrcBytes = 4;
constexpr size_t kPrefixBytes = kCrcBytes + 4;  // CRC and header length
constexpr uint8_t kFlagWrite = 1;
constexpr uint8_t kFlagCall = 2;  // the client's own session, sequence and floor follow the id

Error invalid(const char* what) { return {ErrorCode::kInvalid, std::string("peer message: ") + what}; }

// ---- encoding: fill the header, then append what follows it ----

void write_message(const consensus::Message& message, pb::Header& header) {
  write_header(message, *header.mutable_consensus());
}
void append_raw(const std::vector<consensus::Entry>& entries, ByteChain& body) {
  body.tail.reserve(entries.size());
  for (const consensus::Entry& entry : entries) body.tail.push_back(entry.encoded);
}
void append_raw(const consensus::Message& message, ByteChain& body) {
  if (const auto* append = std::get_if<consensus::AppendRequest>(&message.body)) append_raw(append->entries, body);
  if (const auto* pulled = std::get_if<consensus::PullReply>(&message.body)) append_raw(pulled->entries, body);
}

void write_message(const Meet& meet, pb::Header& header) {
  CHECK(meet.listed.size() <= kMeetNodesMax && meet.roster.size() <= kMeetNodesMax) << "a Meet of too many nodes";
  CHECK(meet.client_address.size() <= kAddressBytesMax) << meet.client_address;
  CHECK(meet.cluster_address.size() <= kAddressBytesMax) << meet.cluster_address;
  pb::Meet& out = *header.mutable_meet();
  out.set_node(meet.node.value);
  out.set_incarnation(meet.incarnation.value);
  for (NodeId node : meet.listed) out.add_listed(node.value);
  for (const consensus::ReplicaId& id : meet.roster) write_header(id, *out.add_roster());
  out.set_is_born(meet.is_born);
  out.set_may_only_return(meet.may_only_return);
  out.set_client_address(meet.client_address);
  out.set_cluster_address(meet.cluster_address);
  CHECK(meet.chapters.size() <= kNotedChaptersMax) << meet.chapters.size();
  for (const NotedChapter& noted : meet.chapters) {
    pb::NotedChapter& one = *out.add_chapters();
    write_header(noted.life, *one.mutable_life());
    one.set_chapter(noted.chapter.number);
    one.set_nonce(noted.chapter.nonce);
  }
}
void append_raw(const Meet&, ByteChain&) {}

void write_message(const ForwardRequest& request, pb::Header& header) {
  pb::ForwardRequest& out = *header.mutable_forward_request();
  out.set_group(request.group.value);
  out.set_session(request.session.value);
  out.set_floor(request.floor);
  out.set_epoch(request.epoch);
  out.set_batch(request.batch);
  out.set_is_relayed(request.is_relayed);
  out.set_wants_relay(request.wants_relay);
  out.set_origin(request.origin.value);
}
void append_raw(const ForwardRequest& request, ByteChain& body) {
  // Forwarders close a batch long before (node/forwarder.cc); a relay passes on what decode() let in.
  CHECK(request.commands.size() <= kForwardedMax) << request.commands.size();
  size_t args = 0;
  for (const ForwardedCommand& command : request.commands) {
    put_varint(body.head, command.sequence);
    put_u8(body.head, (command.is_write ? kFlagWrite : 0) | (command.call ? kFlagCall : 0));
    put_varint(body.head, static_cast<uint16_t>(command.id));
    if (command.call) {
      put_u64(body.head, command.call->session.value);
      put_varint(body.head, command.call->sequence);
      put_varint(body.head, command.call->floor);
    }
    put_varint(body.head, command.args.size());
    for (std::string_view arg : command.args) put_bytes(body.head, arg);
    args += command.args.size();
  }
  CHECK(args <= kForwardedArgsMax) << args;
}

void write_message(const ForwardReply& reply, pb::Header& header) {
  pb::ForwardReply& out = *header.mutable_forward_reply();
  out.set_group(reply.group.value);
  out.set_epoch(reply.epoch);
  out.set_is_rejected(reply.is_rejected);
  out.set_batch(reply.batch);
  if (reply.leader) write_header(reply.leader, *out.mutable_leader());
  out.set_term(reply.term.value);
  out.set_is_probe(reply.is_probe);
  out.set_origin(reply.origin.value);
  out.set_batches_taken(reply.batches_taken);
}
void append_raw(const ForwardReply& reply, ByteChain& body) {
  // As above: node/forward_receiver.cc.
  CHECK(reply.replies.size() <= kForwardedMax) << reply.replies.size();
  for (const ForwardedReply& one : reply.replies) {
    put_varint(body.head, one.sequence);
    put_bytes(body.head, one.reply);
  }
}

void write_message(const SnapshotChunk& chunk, pb::Header& header) {
  CHECK(chunk.bytes.size() <= kSnapshotChunkBytesMax) << chunk.bytes.size();
  pb::SnapshotChunk& out = *header.mutable_snapshot_chunk();
  out.set_group(chunk.group.value);
  write_header(chunk.from, *out.mutable_from());
  write_header(chunk.to, *out.mutable_to());
  out.set_term(chunk.term.value);
  out.set_stream(chunk.stream);
  out.set_offset(chunk.offset);
  out.set_checksum(chunk.checksum);
  out.set_is_last(chunk.is_last);
}
void append_raw(const SnapshotChunk& chunk, ByteChain& body) { body.tail.push_back(chunk.bytes); }

void write_message(const SnapshotReply& reply, pb::Header& header) {
  pb::SnapshotReply& out = *header.mutable_snapshot_reply();
  out.set_group(reply.group.value);
  write_header(reply.from, *out.mutable_from());
  write_header(reply.to, *out.mutable_to());
  out.set_stream(reply.stream);
  out.set_next_offset(reply.next_offset);
  out.set_progress(static_cast<uint32_t>(reply.progress));
}
void append_raw(const SnapshotReply&, ByteChain&) {}
void write_message(const ClockReport& report, pb::Header& header) {
  header.mutable_clock_report()->set_wall_ms(report.wall.ms);
  header.mutable_clock_report()->set_is_disk_full(report.is_disk_full);
}
void append_raw(const ClockReport&, ByteChain&) {}
void write_message(const TwinReport& report, pb::Header& header) {
  CHECK(report.text.size() <= kReportBytesMax) << report.text;
  header.mutable_twin_report()->set_node(report.node.value);
  header.mutable_twin_report()->set_text(report.text);
}
void append_raw(const TwinReport&, ByteChain&) {}

// ---- decoding ----

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
  for (const pb::ReplicaId& id : header.roster()) meet.roster.push_back(read_header(id));
  meet.is_born = header.is_born();
  meet.may_only_return = header.may_only_return();
  meet.client_address = header.client_address();
  meet.cluster_address = header.cluster_address();
  if (header.chapters_size() > static_cast<int>(kNotedChaptersMax)) return invalid("a Meet of too many chapters");
  for (const pb::NotedChapter& one : header.chapters()) {
    meet.chapters.push_back({read_header(one.life()), {one.chapter(), one.nonce()}});
  }
  return PeerMessage(std::move(meet));
}

bool is_read(kv::CommandId id) {
  const kv::CommandTraits* traits = kv::traits_of(id);
  return traits != nullptr && !traits->is_write;
}

/// A command this node knows how to execute for a peer: a client's, or the birth of the peer's session.
bool is_forwardable(kv::CommandId id) { return id == kv::CommandId::kRegisterSession || kv::traits_of(id) != nullptr; }

Result<PeerMessage> read_forward_request(const pb::ForwardRequest& header, Bytes raw) {
  ForwardRequest request;
  request.group = GroupId(header.group());
  request.session = kv::SessionId(header.session());
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
    if ((flags & ~(kFlagWrite | kFlagCall)) != 0 || id > UINT16_MAX) return invalid("malformed forwarded command");
    command.is_write = (flags & kFlagWrite) != 0;
    if ((flags & kFlagCall) != 0) {
      kv::SessionCall& call = command.call.emplace();
      call.session = kv::SessionId(reader.u64());
      call.sequence = reader.varint();
      call.floor = reader.varint();
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

}  // namespace

ByteChain encode(const PeerMessage& message) {
  pb::Header header;
  std::visit([&header](const auto& m) { write_message(m, header); }, message);
  const size_t header_bytes = header.ByteSizeLong();
  CHECK(header_bytes <= kHeaderBytesMax) << header_bytes;

  ByteChain body;
  put_u32(body.head, 0);  // the CRC, once everything else stands
  put_u32(body.head, static_cast<uint32_t>(header_bytes));
  header.AppendToString(&body.head);
  std::visit([&body](const auto& m) { append_raw(m, body); }, message);

  uint32_t crc = crc32c(std::string_view(body.head).substr(kCrcBytes));
  for (const Bytes& part : body.tail) crc = crc32c(part.view(), crc);
  store_u32(body.head.data(), crc);
  return body;
}

Result<PeerMessage> decode(Bytes body) {
  const std::string_view all = body.view();
  if (all.size() < kPrefixBytes) return invalid("short");
  if (load_u32(all.data()) != crc32c(all.substr(kCrcBytes))) return invalid("checksum does not match");
  const size_t header_bytes = load_u32(all.data() + kCrcBytes);
  if (header_bytes > kHeaderBytesMax || header_bytes > all.size() - kPrefixBytes) return invalid("header too long");

  pb::Header header;
  if (!header.ParseFromArray(all.data() + kPrefixBytes, static_cast<int>(header_bytes))) return invalid("bad header");
  Bytes raw = body.slice(kPrefixBytes + header_bytes);
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
    case pb::Header::MESSAGE_NOT_SET:
      break;
  }
  return invalid("of a kind this version does not know");
}

}  // namespace torc::wire
