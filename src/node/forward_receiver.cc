#include "node/forward_receiver.h"

#include <algorithm>
#include <utility>

#include "kv/limits.h"

namespace torc::node {
namespace {

constexpr size_t kReplyOverheadBytes = 16;  // sequence and length beside a recorded answer
/// A message closes before an answer that would pass this, so it holds this much or a single answer.
constexpr size_t kMessageBytesMax = 1u << 20;
constexpr size_t kOneReplyBytesMax = kv::kReplyBytesMax + kv::kReplyElementBytes;
static_assert(wire::kHeaderBytesMax + kReplyOverheadBytes + kOneReplyBytesMax <= wire::kFrameBytesMax);
static_assert(kMessageBytesMax / kReplyOverheadBytes <= wire::kForwardedMax);

/// Epochs of one process count upwards; those of two say nothing about each other's age.
bool is_same_process(uint64_t epoch, uint64_t other) { return epoch >> 32 == other >> 32; }

size_t bytes_of(const wire::ForwardRequest& request) {
  size_t bytes = sizeof request + request.buffer.size();
  for (const wire::ForwardedCommand& command : request.commands) {
    bytes += sizeof command + command.args.size() * sizeof(std::string_view);
  }
  return bytes;
}

}  // namespace

// ---- one stream ----

kv::ReplySink& ForwardReceiver::Stream::begin_reply(Ticket) {
  recorder_.clear();
  return recorder_;
}

void ForwardReceiver::Stream::end_reply(Ticket ticket) {
  if (const auto found = expected_.find(ticket); found != expected_.end()) {
    expected_bytes_ -= found->second;
    expected_.erase(found);
  }
  reply_bytes_ += recorder_.view().size();
  replies.emplace_back(ticket, recorder_.take());
}

bool ForwardReceiver::Stream::has_room(size_t bytes) const {
  const size_t outstanding = expected_bytes_ + reply_bytes_ + unconfirmed_bytes_;
  return outstanding <= kRepliesBytesFree || outstanding + bytes <= kRepliesBytesMax;
}

void ForwardReceiver::Stream::expect(Ticket ticket, size_t bytes) {
  expected_.emplace(ticket, bytes);
  expected_bytes_ += bytes;
}

// Answers are sent out of order as well. One that stands behind an older one is counted for longer, never for ever: all
// that are older were executed before.
void ForwardReceiver::Stream::acknowledge(uint64_t floor) {
  for (; !unconfirmed_.empty() && unconfirmed_.front().first < floor; unconfirmed_.pop_front()) {
    unconfirmed_bytes_ -= unconfirmed_.front().second;
  }
}

void ForwardReceiver::Stream::note_sent() {
  for (const auto& [ticket, recorded] : replies) unconfirmed_.emplace_back(ticket, recorded.size());
  unconfirmed_bytes_ += reply_bytes_;
  forget_replies();
}

void ForwardReceiver::Stream::forget_replies() {
  replies.clear();
  reply_bytes_ = 0;
}

/// What is under way answers nobody any more, and what was sent may be lost.
void ForwardReceiver::Stream::begin(uint64_t new_epoch) {
  if (!is_same_process(new_epoch, epoch)) forget_replies();
  epoch = new_epoch;
  next_batch = 0;
  is_refused = false;
  held.clear();
  held_at = held_bytes = 0;
  expected_.clear();
  expected_bytes_ = 0;
  unconfirmed_.clear();
  unconfirmed_bytes_ = 0;
}

// ---- all streams ----

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
  stream.begin(epoch);
}

void ForwardReceiver::on_request(NodeId from, wire::ForwardRequest request) {
  const NodeId origin = request.is_relayed ? request.origin : from;
  if (request.commands.empty()) {
    const auto known = streams_.find(origin);
    if (known != streams_.end() && known->second->epoch == request.epoch) known->second->acknowledge(request.floor);
    return answer_probe(origin, from, request);
  }
  Stream& stream = stream_of(origin);
  if (request.epoch != stream.epoch) {
    // What was on its way by another path when the stream began anew comes too late.
    if (is_same_process(request.epoch, stream.epoch) && request.epoch < stream.epoch) return;
    begin_epoch(stream, request.epoch);
    stream.via = from;
  }
  if (stream.is_refused || stream.via != from) return;
  const size_t bytes = bytes_of(request);
  const bool is_too_much = stream.held_bytes + bytes > kHeldBytesMax && !stream.held.empty();
  if (request.batch != stream.next_batch || !host_.leads() || is_too_much) {
    return refuse(origin, stream, request.batch);
  }
  ++stream.next_batch;
  stream.acknowledge(request.floor);
  stream.held_bytes += bytes;
  stream.held.push_back(std::move(request));
  run(stream);
}

void ForwardReceiver::run(Stream& stream) {
  while (!stream.held.empty()) {
    const wire::ForwardRequest& request = stream.held.front();
    for (; stream.held_at < request.commands.size(); ++stream.held_at) {
      const wire::ForwardedCommand& command = request.commands[stream.held_at];
      const kv::CommandView view{command.id, command.args};
      // A read is mostly answered at once: only one that is not costs a second look at its key.
      size_t reply_bytes = command.is_write ? host_.expected_reply_bytes(view) : 0;
      if (!stream.has_room(reply_bytes)) return;
      Request forwarded{.waiter = {stream.client, command.sequence},
                        .group = group_,
                        .command = view,
                        .is_write = command.is_write,
                        .label = command.call};
      if (!forwarded.label && command.is_write && request.session) {
        forwarded.label = kv::SessionCall{request.session, command.sequence, request.floor};
      }
      if (forwarded.label) forwarded.retry = Retry::kSameLabel;
      if (reply_bytes > 0) stream.expect(command.sequence, reply_bytes);
      const size_t pending_before = clients_.pending(stream.client);
      host_.execute_forwarded(forwarded);
      if (command.is_write || clients_.pending(stream.client) == pending_before) continue;
      reply_bytes = host_.expected_reply_bytes(view);
      if (reply_bytes > 0) stream.expect(command.sequence, reply_bytes);
    }
    stream.held_bytes -= bytes_of(request);
    stream.held.pop_front();
    stream.held_at = 0;
  }
}

void ForwardReceiver::run_held() {
  for (auto& [origin, stream] : streams_) run(*stream);
}

bool ForwardReceiver::can_run_held() const {
  return std::ranges::any_of(streams_, [this](const auto& entry) {
    const Stream& stream = *entry.second;
    if (stream.held.empty()) return false;
    const wire::ForwardedCommand& next = stream.held.front().commands[stream.held_at];
    return stream.has_room(next.is_write ? host_.expected_reply_bytes({next.id, next.args}) : 0);
  });
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
    if (clients_.pending(stream->client) == 0 && stream->held.empty()) continue;
    send_replies(origin, *stream);
    const uint64_t epoch = stream->epoch;
    // Of a batch that was begun some commands may be executed, so only the next one certainly was not.
    const bool is_begun = stream->held_at > 0;
    const uint64_t refused =
        stream->held.empty() ? stream->next_batch : stream->held.front().batch + (is_begun ? 1 : 0);
    begin_epoch(*stream, epoch);
    refuse(origin, *stream, refused);
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
  const auto known = streams_.find(origin);
  if (known != streams_.end() && known->second->epoch == probe.epoch) reply.batches_taken = known->second->next_batch;
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
  wire::ForwardReply message = reply_to(origin, stream.via, stream.epoch);
  size_t bytes = 0;
  for (const auto& [sequence, recorded] : stream.replies) {
    const size_t next = recorded.size() + kReplyOverheadBytes;
    if (bytes + next > kMessageBytesMax && !message.replies.empty()) {
      host_.send_to(stream.via, message);
      message.replies.clear();
      bytes = 0;
    }
    message.replies.push_back({sequence, recorded});
    bytes += next;
  }
  if (!message.replies.empty()) host_.send_to(stream.via, message);
  stream.note_sent();
}

void ForwardReceiver::flush() {
  for (auto& [origin, stream] : streams_) {
    if (!stream->replies.empty()) send_replies(origin, *stream);
  }
}

void ForwardReceiver::add_gauges(std::vector<Gauge>& gauges) const {
  // A batch closes at about 1 MiB or is one command, so one alone is not larger.
  static_assert(kv::kOperationBytesMax + kv::kArgsMax * 2 * sizeof(std::string_view) <= kHeldBytesMax);
  for (const auto& [origin, stream] : streams_) {
    gauges.push_back({"forwarded_held", stream->held_bytes, kHeldBytesMax});
    gauges.push_back({"forwarded_replies", stream->reply_bytes(), kRepliesBytesMax + kOneReplyBytesMax});
  }
}

size_t ForwardReceiver::bytes_waiting() const {
  size_t bytes = 0;
  for (const auto& [origin, stream] : streams_) bytes += stream->held_bytes + stream->reply_bytes();
  return bytes;
}

}  // namespace torc::node
