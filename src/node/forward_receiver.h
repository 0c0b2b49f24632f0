// Commands that other nodes forwarded to this one: executed here if it leads, refused otherwise.
#pragma once

#include <cstdint>
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
  virtual void execute_forwarded(Waiter waiter, bool is_write, const kv::CommandView& command,
                                 const kv::SessionCall* call) = 0;
  virtual void send_to(NodeId node, const wire::ForwardReply& reply) = 0;
  virtual consensus::ReplicaId known_leader() const = 0;
};

/// One stream per forwarding node, whichever way it comes. Its batches are taken in order only; the first that does not
/// fit refuses the rest of the epoch, and the forwarder starts again. So do answers beyond what may wait here at once.
class ForwardReceiver {
 public:
  ForwardReceiver(GroupId group, ForwardReceiverHost& host, Clients& clients);
  ~ForwardReceiver();

  /// `from`: the neighbour it came from; of a relayed request that is not its origin. Probes are answered at once.
  void on_request(NodeId from, const wire::ForwardRequest& request);
  /// The connection to a neighbour broke or came back: streams that came from there are over.
  void on_connection_changed(NodeId from);
  /// What waits here may not be answered from here any more: every forwarder is told to try elsewhere.
  void on_leadership_lost();
  /// Sends the answers of this turn.
  void flush();

 private:
  /// A forwarding node as a client: its tickets are the sequences of its commands.
  class Stream final : public ClientPort {
   public:
    kv::ReplySink& begin_reply(Ticket ticket) override;
    void end_reply(Ticket ticket) override;

    /// What is asked now would be asked in vain.
    bool is_overfull() const;
    void forget_replies();

    ClientId client;
    NodeId via;  // the neighbour the epoch comes from, and answers go to
    uint64_t epoch = 0;
    uint64_t next_batch = 0;
    bool is_refused = false;
    bool has_dropped = false;  // since the epoch began; flush() tells the forwarder
    std::vector<std::pair<Ticket, std::string>> replies;

   private:
    kv::RecordingSink recorder_;
    size_t reply_bytes_ = 0;  // of `replies`
  };
  Stream& stream_of(NodeId origin);
  void begin_epoch(Stream& stream, uint64_t epoch);
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
