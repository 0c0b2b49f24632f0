// The node's clients, and the one rule that keeps a pipelining client's world in order: at any time either reads or
// writes of a client are under way, never both. Writes of a run are ordered by the log, reads of a run see all earlier
// writes.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "node/command_copy.h"
#include "node/service.h"

namespace torc::node {

/// Who waits for an answer. No client: nobody does.
struct Waiter {
  ClientId client;
  Ticket ticket = 0;
};

class Clients {
 public:
  ClientId open(ClientPort& port);
  void close(ClientId id);
  bool is_open(ClientId id) const { return find(id) != nullptr; }

  /// May a command start now, or must it wait for the client's earlier ones?
  bool can_start(ClientId id, bool is_write) const;
  /// Counts a command as under way until answered.
  void start(ClientId id, bool is_write);
  struct Deferred {
    Ticket ticket = 0;
    bool is_write = false;
    CommandCopy command;
    std::optional<kv::SessionCall> call;
  };
  void defer(ClientId id, Deferred deferred);
  /// Of all clients' deferred commands: so that many pipelines together stay bounded, too.
  size_t deferred_bytes() const { return deferred_bytes_; }
  static constexpr size_t kDeferredBytesMax = 256u << 20;  // at this the caller refuses instead of deferring
  /// The client's next deferred command if it may start now.
  std::optional<Deferred> next_startable(ClientId id);
  /// Clients whose deferred commands may have become startable since the last call; each at most once.
  std::vector<ClientId> take_runnable();
  bool has_runnable() const { return !runnable_.empty(); }
  size_t pending(ClientId id) const;

  /// Opens an answer: fill the sink with one reply, then end() or end_immediate() at once.
  kv::ReplySink& begin(Waiter waiter);
  /// Ends the answer to a started command.
  void end(Waiter waiter);
  /// Ends the answer to a command that was never counted by start().
  void end_immediate(Waiter waiter);

 private:
  struct Client {
    uint32_t generation = 0;
    ClientPort* port = nullptr;  // null: free slot
    bool run_is_writes = false;
    bool is_runnable = false;
    size_t under_way = 0;
    std::deque<Deferred> deferred;
  };
  const Client* find(ClientId id) const;
  Client* find(ClientId id) { return const_cast<Client*>(std::as_const(*this).find(id)); }

  std::deque<Client> slots_;  // a deque: clients stay where they are
  std::vector<uint32_t> free_;
  std::vector<ClientId> runnable_;
  size_t deferred_bytes_ = 0;
  kv::NullSink nobody_;
};

}  // namespace torc::node
