// Commands that other nodes forwarded to this one: executed here if it leads, refused otherwise.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kv/recorded_reply.h"
#include "node/clients.h"
#include "wire/peer_message.h"

namespace torc::node {

class ForwardReceiverHost {
 public:
  virtual ~ForwardReceiverHost() = default;
  virtual bool leads() const = 0;
  /// Executes a started command of a pseudo client that stands for the forwarding node.
  virtual void execute_forwarded(const Request& request) = 0;
  /// How large the answer may be, if that is more than a few bytes.
  virtual size_t expected_reply_bytes(const kv::CommandView& command) const = 0;
  virtual void send_to(NodeId node, const wire::ForwardReply& reply) = 0;
  virtual consensus::ReplicaId known_leader() const = 0;
};

/// One stream per forwarding node, whichever way it comes. Its batches are taken in order only; the first that does not
/// fit refuses the rest of the epoch, and the forwarder starts again.
///
/// A hundred bytes may ask for megabytes, so a stream's commands wait here, unexecuted, while answers of
/// kRepliesBytesMax are expected, ready, or on their way: the sender's floor tells what has arrived. So those of a
/// stream take no more than that, or kRepliesBytesFree and one answer. None is thrown away, for a GETDEL's cannot be
/// asked for again.
class ForwardReceiver {
 public:
  ForwardReceiver(GroupId group, ForwardReceiverHost& host, Clients& clients);
  ~ForwardReceiver();

  /// `from`: the neighbour it came from; of a relayed request that is not its origin. Probes are answered at once.
  void on_request(NodeId from, wire::ForwardRequest request);
  /// The connection to a neighbour broke or came back: streams that came from there are over.
  void on_connection_changed(NodeId from);
  /// What waits here may not be answered from here any more: every forwarder is told to try elsewhere.
  void on_leadership_lost();
  /// Executes what waited for room, as far as there is some.
  void run_held();
  bool can_run_held() const;
  /// Sends the answers of this turn.
  void flush();
  /// Commands that wait for room and answers that were not sent yet.
  size_t bytes_waiting() const;
  void add_gauges(std::vector<Gauge>& gauges) const;

  static constexpr size_t kRepliesBytesMax = 32u << 20;
  /// While they are no more than this even the largest answer is begun: so little is not confirmed at once.
  static constexpr size_t kRepliesBytesFree = 4u << 20;
  /// Of commands that wait for room: twice what a forwarder has under way (forwarder.h).
  static constexpr size_t kHeldBytesMax = 128u << 20;

 private:
  /// A forwarding node as a client: its tickets are the sequences of its commands.
  class Stream final : public ClientPort {
   public:
    kv::ReplySink& begin_reply(Ticket ticket) override;
    void end_reply(Ticket ticket) override;

    /// Whether a command with an answer of so many bytes may be executed.
    bool has_room(size_t reply_bytes) const;
    void expect(Ticket ticket, size_t reply_bytes);
    /// The answers to everything below have arrived.
    void acknowledge(uint64_t floor);
    void note_sent();
    void forget_replies();
    void begin(uint64_t new_epoch);
    size_t reply_bytes() const { return reply_bytes_; }

    ClientId client;
    NodeId via;  // the neighbour the epoch comes from, and answers go to
    uint64_t epoch = 0;
    uint64_t next_batch = 0;
    bool is_refused = false;
    std::deque<wire::ForwardRequest> held;  // in order; of the first, commands before held_at are executed
    size_t held_at = 0;
    size_t held_bytes = 0;
    std::vector<std::pair<Ticket, std::string>> replies;  // to be sent

   private:
    kv::RecordingSink recorder_;
    std::map<Ticket, size_t> expected_;  // of commands under way
    size_t expected_bytes_ = 0;
    size_t reply_bytes_ = 0;                             // of `replies`
    std::deque<std::pair<Ticket, size_t>> unconfirmed_;  // sent, as they were
    size_t unconfirmed_bytes_ = 0;
  };
  Stream& stream_of(NodeId origin);
  void begin_epoch(Stream& stream, uint64_t epoch);
  void run(Stream& stream);
  wire::ForwardReply reply_to(NodeId origin, NodeId via, uint64_t epoch) const;
  void answer_probe(NodeId origin, NodeId via, const wire::ForwardRequest& probe);
  void refuse(NodeId origin, Stream& stream, uint64_t batch);
  void send_replies(NodeId origin, Stream& stream);

  GroupId group_;
  ForwardReceiverHost& host_;
  Clients& clients_;
  std::map<NodeId, std::unique_ptr<Stream>> streams_;
};

}  // namespace torc::node
