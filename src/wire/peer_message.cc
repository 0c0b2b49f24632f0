#include "wire/peer_message.h"

#include "base/codec.h"
#include "base/crc32c.h"
#include "wire/peer.pb.h"
#include "wire/peer_consensus.h"

namespace torc::wire {
namespace {

constexpr size_t kCrcBytes = 4;
constexpr size_t kLengthBytes = 4;

// Of every message: fill the header, then append what follows it.

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
  for (const LifeId& id : meet.roster) write_header(id, *out.add_roster());
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
  CHECK(meet.replicas.numbers.size() <= kReplicasMax) << meet.replicas.numbers.size();
  for (const ReplicaNumber number : meet.replicas.numbers) out.add_replicas(number.value);
}
void append_raw(const Meet&, ByteChain&) {}

void write_message(const ForwardRequest& request, pb::Header& header) {
  pb::ForwardRequest& out = *header.mutable_forward_request();
  out.set_group(request.group.value);
  out.set_session_high(request.session.high);
  out.set_session_low(request.session.low);
  out.set_floor(request.floor);
  out.set_epoch(request.epoch);
  out.set_batch(request.batch);
  out.set_is_relayed(request.is_relayed);
  out.set_wants_relay(request.wants_relay);
  out.set_origin(request.origin.value);
}
uint8_t flags_of(const ForwardedCommand& command) {
  uint8_t flags = command.is_write ? kForwardedWrite : 0;
  if (command.call) flags |= kForwardedCall;
  if (command.call && command.call->is_first_send) flags |= kForwardedFirstSend;
  return flags;
}
void append_raw(const ForwardRequest& request, ByteChain& body) {
  // Forwarders close a batch long before (node/forwarder.cc); a relay passes on what decode() let in.
  CHECK(request.commands.size() <= kForwardedMax) << request.commands.size();
  size_t args = 0;
  for (const ForwardedCommand& command : request.commands) {
    put_varint(body.head, command.sequence);
    put_u8(body.head, flags_of(command));
    put_varint(body.head, static_cast<uint16_t>(command.id));
    if (command.call) {
      kv::put_session_id(body.head, command.call->session);
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

// A pack is made by frame_of(); one that was received can be passed on.
void write_message(const Pack&, pb::Header& header) { header.mutable_pack(); }
void append_raw(const Pack& pack, ByteChain& body) {
  CHECK(pack.parts.size() <= kPackPartsMax) << pack.parts.size();
  for (const Bytes& part : pack.parts) {
    put_u32(body.head, static_cast<uint32_t>(part.size()));
    body.head += part.view();
  }
}

consensus::SendStamp first_stamp(const Beat& beat) {
  return beat.heartbeats.empty() ? 0 : beat.heartbeats.front().request.stamp;
}
void write_message(const Beat& beat, pb::Header& header) {
  header.mutable_beat()->set_number(beat.number);
  header.mutable_beat()->set_stamp(first_stamp(beat));
}
void append_raw(const Beat& beat, ByteChain& body) { append_heartbeats(beat.heartbeats, first_stamp(beat), body.head); }
void write_message(const BeatReply& reply, pb::Header& header) {
  header.mutable_beat_reply()->set_number(reply.number);
}
void append_raw(const BeatReply& reply, ByteChain& body) { append_exceptions(reply.exceptions, body.head); }

template <class M>
ByteChain part_of(const M& message) {
  pb::Header header;
  write_message(message, header);
  const size_t header_bytes = header.ByteSizeLong();
  CHECK(header_bytes <= kHeaderBytesMax) << header_bytes;
  ByteChain part;
  put_u32(part.head, 0);  // CRC or length, once it is known which
  put_u32(part.head, static_cast<uint32_t>(header_bytes));
  header.AppendToString(&part.head);
  append_raw(message, part);
  return part;
}

ByteChain sealed(ByteChain body) {
  uint32_t crc = crc32c(std::string_view(body.head).substr(kCrcBytes));
  for (const Bytes& part : body.tail) crc = crc32c(part.view(), crc);
  store_u32(body.head.data(), crc);
  return body;
}

}  // namespace

ByteChain encode_part(const consensus::Message& message) { return part_of(message); }

ByteChain encode_part(const PeerMessage& message) {
  return std::visit([](const auto& m) { return part_of(m); }, message);
}

ByteChain encode(const PeerMessage& message) { return sealed(encode_part(message)); }
ByteChain encode(const consensus::Message& message) { return sealed(encode_part(message)); }

ByteChain frame_of(std::vector<ByteChain>& parts) {
  CHECK(!parts.empty() && parts.size() <= kPackPartsMax) << parts.size();
  ByteChain body = parts.size() == 1 ? std::move(parts.front()) : part_of(Pack());
  if (parts.size() > 1) {
    std::string between;  // heads since the last payload
    for (ByteChain& part : parts) {
      store_u32(part.head.data(), static_cast<uint32_t>(part.size() - kLengthBytes));
      (body.tail.empty() ? body.head : between) += part.head;
      if (part.tail.empty()) continue;
      if (!between.empty()) body.tail.emplace_back(std::exchange(between, {}));
      for (Bytes& payload : part.tail) body.tail.push_back(std::move(payload));
    }
    if (!between.empty()) body.tail.emplace_back(std::move(between));
  }
  parts.clear();
  return sealed(std::move(body));
}

}  // namespace torc::wire
