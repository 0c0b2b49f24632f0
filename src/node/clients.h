// The node's clients, and the one rule that keeps a pipelining client's world in order: at any time either reads or
// writes of a client are under way in a group, never both. Writes of a run are ordered by the log, reads of a run see
// all earlier writes. Commands for different groups know nothing of each other and run side by side; one for every
// group runs alone.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "node/request.h"
#include "node/service.h"

namespace torc::node {

class Clients {
 public:
  /// Of all commands that wait for an answer or for their turn, whatever they wait for on this node.
  static constexpr size_t kHeldBytesMax = 256u << 20;
  explicit Clients(size_t held_bytes_max = kHeldBytesMax) : held_bytes_max_(held_bytes_max) {}

  ClientId open(ClientPort& port, Door door = Door::kAny);
  /// By which it came in. Requires: is_open().
  Door door(ClientId id) const { return find(id)->door; }
  /// Its deferred commands are forgotten. Those under way still have to be ended, and hold their bytes until then: who
  /// connects again and again must not fill the memory with what he left behind.
  void close(ClientId id);
  bool is_open(ClientId id) const { return find(id) != nullptr; }

  /// Whether one command more of this client may wait here; else the caller refuses it. A client may hold as much as is
  /// left for others: alone half of the limit, beside another one a third, and so on. So there is always something left
  /// for who comes next: what one client sends is nobody else's refusal (rules.md#fair-budgets; dynamic
  /// thresholds, Choudhury and Hahne 1998).
  bool has_room(ClientId id, size_t bytes) const;
  size_t held_bytes() const { return held_bytes_; }
  size_t held_bytes_max() const { return held_bytes_max_; }

  /// May a command of `group` start now, or must it wait for the client's earlier ones? kEveryGroup: it concerns all.
  bool can_start(ClientId id, GroupId group, bool is_write) const;
  /// Counts a command of so many bytes (footprint()) as under way until answered.
  void start(Waiter waiter, GroupId group, bool is_write, size_t bytes = 0);
  /// As part of the order of its Request::group.
  void defer(KeptRequest request);
  /// A deferred command of the client that may start now, of each group the oldest first.
  std::optional<KeptRequest> next_startable(ClientId id);
  /// Clients whose deferred commands may have become startable since the last call; each at most once.
  std::vector<ClientId> take_runnable();
  bool has_runnable() const { return !runnable_.empty(); }
  /// There was no time for the client's deferred commands: take_runnable() gives it again.
  void postpone(ClientId id);
  size_t pending(ClientId id) const;

  /// Opens an answer: fill the sink with one reply, then end() or end_immediate() at once.
  kv::ReplySink& begin(Waiter waiter);
  /// Ends the answer to a started command. Owed to every one of them, also without an answer if nobody waits any more.
  void end(Waiter waiter);
  /// Ends the answer to a command that was never counted by start().
  void end_immediate(Waiter waiter);
  /// The whole answer to a command that was never counted.
  void refuse_unstarted(Waiter waiter, kv::Refusal refusal = kv::Refusal::kOverloaded);
  /// The whole answer to a started command.
  void refuse(Waiter waiter, kv::Refusal refusal);

 private:
  struct UnderWay {
    Ticket ticket = 0;
    GroupId group;
    uint32_t bytes = 0;
  };
  /// Of a client in a group: what is under way is of one kind.
  struct Run {
    GroupId group;
    bool is_writes = false;
    uint32_t under_way = 0;
    std::unique_ptr<std::deque<KeptRequest>> deferred;  // mostly none: made with the first
    bool may_start(bool is_write) const { return under_way == 0 || is_writes == is_write; }
  };
  struct Client {
    uint32_t generation = 0;
    ClientPort* port = nullptr;  // null: closed, or a free slot
    Door door = Door::kAny;
    bool is_runnable = false;
    bool is_alone = false;  // a command for every group is under way
    size_t held_bytes = 0;
    std::deque<UnderWay> under_way;  // oldest first; answers mostly come in that order
    std::vector<Run> runs;           // by group: those with something under way or deferred
    size_t deferred_in_runs = 0;
    std::deque<KeptRequest> behind;  // one for every group, and all that came later
    size_t deferred() const { return deferred_in_runs + behind.size(); }
  };
  /// An open client.
  const Client* find(ClientId id) const;
  /// Or one that was closed and has commands under way.
  Client* find_any(ClientId id);
  static UnderWay take_under_way(Client& client, Ticket ticket);
  static const Run* find_run(const Client& client, GroupId group);
  static Run& run_of(Client& client, GroupId group);
  static bool end_in_run(Client& client, GroupId group);
  static void defer_in_run(Client& client, KeptRequest request);
  static KeptRequest take_deferred(Client& client, Run& run);
  void release(ClientId id, Client& client);
  void hold(Client& client, size_t bytes);
  void give_back(Client& client, size_t bytes);
  Client* find(ClientId id) { return const_cast<Client*>(std::as_const(*this).find(id)); }

  std::deque<Client> slots_;  // a deque: clients stay where they are
  std::vector<uint32_t> free_;
  std::vector<ClientId> runnable_;
  const size_t held_bytes_max_;
  size_t held_bytes_ = 0;
  kv::NullSink nobody_;
};

}  // namespace torc::node
