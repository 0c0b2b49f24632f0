#include "node/forward_receiver.h"

#include <utility>

namespace torc::node {
namespace {

constexpr size_t kReplyBytesMax = 1u << 20;  // soft: a message closes at the reply that reaches it
/// One reply may hold many values (MGET); a frame has a hard limit.
constexpr size_t kOneReplyBytesMax = wire::kFrameBytesMax - (1u << 20);
/// Answers of one stream that wait to be sent. Whoever asks for more at once is sent these, and has to ask again for
/// the rest: a hundred bytes of GETs may ask for gigabytes.
constexpr size_t kWaitingRepliesBytesMax = 32u << 20;
/// Epochs of one process count upwards; those of two say nothing about each other's age.
bool is_same_process(uint64_t epoch, uint64_t other) { return epoch >> 32 == other >> 32; }

constexpr std::string_view kReplyTooLarge = "ERR the answer is too large to be forwarded, ask the leader directly";

}  // namespace

kv::ReplySink& ForwardReceiver::Stream::begin_reply(Ticket) {
  recorder_.clear();
  return recorder_;
}

void ForwardReceiver::Stream::end_reply(Ticket ticket) {
  if (recorder_.view().size() > kOneReplyBytesMax) {
    recorder_.clear();
    recorder_.error(kReplyTooLarge);
  }
  // Nothing behind the first one dropped may be answered either, so that what is asked again keeps its order.
  if (is_overfull()) {
    has_dropped = true;
    return;
  }
  reply_bytes_ += recorder_.view().size();
  replies.emplace_back(ticket, recorder_.take());
}

bool ForwardReceiver::Stream::is_overfull() const { return has_dropped || reply_bytes_ >= kWaitingRepliesBytesMax; }

void ForwardReceiver::Stream::forget_replies() {
  replies.clear();
  reply_bytes_ = 0;
}

ForwardReceiver::ForwardReceiver(GroupId group, ForwardReceiverHost& host, Clients& clients)
    : group_(group), host_(host), clients_(clients) {}

ForwardReceiver::~ForwardReceiver() {
  for (const auto& [origin, stream] : streams_) clients_.close(stream->client);
}

ForwardReceiver::Stream& ForwardReceiver::stream_of(NodeId origin) {
  std::unique_ptr<Stream>& stream = streams_[origin];
  if (!stream) {
    stream = std::make_unique<Stream>();
    stream->client = clients_.open(*stream);
  }
  return *stream;
}

// Answers of the former epoch still count, so those already gathered are kept; commands still waiting lose their waiter
// and answer nobody. The forwarder sends them again, labelled. Another process counts its commands anew.
void ForwardReceiver::begin_epoch(Stream& stream, uint64_t epoch) {
  clients_.close(stream.client);
  stream.client = clients_.open(stream);
  if (!is_same_process(epoch, stream.epoch)) stream.forget_replies();
  stream.epoch = epoch;
  stream.next_batch = 0;
  stream.is_refused = false;
  stream.has_dropped = false;
}

void ForwardReceiver::on_request(NodeId from, const wire::ForwardRequest& request) {
  const NodeId origin = request.is_relayed ? request.origin : from;
  if (request.commands.empty()) return answer_probe(origin, from, request);
  Stream& stream = stream_of(origin);
  if (request.epoch != stream.epoch) {
    // What was on its way by another path when the stream began anew comes too late.
    if (is_same_process(request.epoch, stream.epoch) && request.epoch < stream.epoch) return;
    begin_epoch(stream, request.epoch);
    stream.via = from;
  }
  if (stream.is_refused || stream.via != from) return;
  if (request.batch != stream.next_batch || !host_.leads()) return refuse(origin, stream, request.batch);
  ++stream.next_batch;
  for (const wire::ForwardedCommand& command : request.commands) {
    if (stream.is_overfull()) {
      stream.has_dropped = true;
      return;
    }
    const kv::SessionCall own{request.session, command.sequence, request.floor};
    const bool is_labelled = command.is_write && request.session;
    const kv::SessionCall* call = command.call ? &*command.call : is_labelled ? &own : nullptr;
    const Waiter waiter{stream.client, command.sequence};
    host_.execute_forwarded(waiter, command.is_write, {command.id, command.args}, call);
  }
}

void ForwardReceiver::on_connection_changed(NodeId from) {
  std::erase_if(streams_, [&](const auto& entry) {
    if (entry.second->via != from) return false;
    clients_.close(entry.second->client);
    return true;
  });
}

void ForwardReceiver::on_leadership_lost() {
  for (auto& [origin, stream] : streams_) {
    if (clients_.pending(stream->client) == 0) continue;
    send_replies(origin, *stream);
    const uint64_t epoch = stream->epoch;
    const uint64_t next_batch = stream->next_batch;
    begin_epoch(*stream, epoch);
    refuse(origin, *stream, next_batch);
  }
}

wire::ForwardReply ForwardReceiver::reply_to(NodeId origin, NodeId via, uint64_t epoch) const {
  wire::ForwardReply reply;
  reply.group = group_;
  reply.epoch = epoch;
  if (origin != via) reply.origin = origin;
  return reply;
}

void ForwardReceiver::answer_probe(NodeId origin, NodeId via, const wire::ForwardRequest& probe) {
  wire::ForwardReply reply = reply_to(origin, via, probe.epoch);
  reply.is_probe = true;
  reply.is_rejected = !host_.leads();
  reply.batch = probe.batch;
  reply.leader = host_.known_leader();
  host_.send_to(via, reply);
}

void ForwardReceiver::refuse(NodeId origin, Stream& stream, uint64_t batch) {
  stream.is_refused = true;
  wire::ForwardReply reply = reply_to(origin, stream.via, stream.epoch);
  reply.is_rejected = true;
  reply.batch = batch;
  reply.leader = host_.known_leader();
  host_.send_to(stream.via, reply);
}

void ForwardReceiver::send_replies(NodeId origin, Stream& stream) {
  wire::ForwardReply reply = reply_to(origin, stream.via, stream.epoch);
  size_t bytes = 0;
  for (const auto& [sequence, recorded] : stream.replies) {
    reply.replies.push_back({sequence, recorded});
    bytes += recorded.size();
    if (bytes < kReplyBytesMax) continue;
    host_.send_to(stream.via, reply);
    reply.replies.clear();
    bytes = 0;
  }
  if (!reply.replies.empty()) host_.send_to(stream.via, reply);
  stream.forget_replies();
}

void ForwardReceiver::flush() {
  for (auto& [origin, stream] : streams_) {
    if (!stream->replies.empty()) send_replies(origin, *stream);
    if (stream->has_dropped && !stream->is_refused) refuse(origin, *stream, stream->next_batch);
  }
}

}  // namespace torc::node
