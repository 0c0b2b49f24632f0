// What a node offers to those who speak for clients: the RESP server, and the simulator's workload.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/strong_id.h"
#include "consensus/replica.h"
#include "kv/batch.h"
#include "kv/command.h"
#include "kv/reply_sink.h"
#include "node/gauge.h"
#include "node/topology.h"

namespace torc::node {

/// Names one command of one client; chosen by the client's server, increasing.
using Ticket = uint64_t;

/// A connected client as the node knows it. Never reused while a command of it is pending.
using ClientId = StrongId<struct ClientIdTag>;

/// Implemented by whoever owns the client's connection. All calls on the loop.
class ClientPort {
 public:
  virtual ~ClientPort() = default;
  /// The answer to `ticket` goes into the returned sink (exactly one reply), then end_reply(ticket) follows at once.
  /// Answers come in any order; the port puts them back in the order of the tickets.
  virtual kv::ReplySink& begin_reply(Ticket ticket) = 0;
  virtual void end_reply(Ticket ticket) = 0;
};

struct PeerStatus {
  NodeId node;
  std::string client_address;  // empty: not known yet
  bool is_connected = false;
  std::string trouble = {};  // why there is no connection, one line; empty if there is one or nothing is known
  /// The latest chapter of the peer that is written down here, and of which of its lives (node/chapters.h).
  struct NotedChapter {
    Incarnation life;
    uint64_t number = 0;
  };
  NotedChapter chapter = {};
};

struct GroupStatus {
  GroupId group;
  Arc arc;
  consensus::ReplicaId self;  // this node's
  consensus::ReplicaStatus replica;
  NodeId leader_node;          // none: unknown
  std::string leader_address;  // where the leader serves clients; empty: unknown
  LogIndex applied;
  bool is_within_entry = false;      // the next one is applied in part: the state is that of no index
  uint64_t operations = 0;           // executed since the group began
  uint64_t applied_bytes = 0;        // of entries, since the process started
  WallMs stamp;                      // the time by which keys expire: of what is applied (rules.md#leader-time)
  LogIndex checkpoint_index;         // durable in the checkpoint store
  uint64_t stamps_set_back = 0;      // how often it was ahead of the clocks of a majority, since this process started
  uint64_t snapshots_installed = 0;  // since the process started
  uint64_t appends_put_off = 0;      // not taken, because what was taken before is not on the disk
  uint64_t keys = 0;
  uint64_t state_bytes = 0;
  uint64_t log_bytes = 0;
  size_t voters = 0;
};

enum class Membership {
  kMeeting,  // not born: waiting for all nodes of --initial-cluster
  kMember,
  kReturning,  // its data directory was lost or replaced: a learner until it has caught up
  kStranger,   // cannot take part: a person has to act
};

/// Damaged data of this node that is kept for a person to look at.
struct SetAsideStatus {
  uint64_t folders = 0;
  uint64_t bytes = 0;
};

struct NodeStatus {
  NodeId node;
  Incarnation incarnation;
  ClusterId cluster;
  Membership membership = Membership::kMeeting;
  std::string explanation;            // unless kMember: one line a person can act on
  uint64_t chapter = 0;               // of this node's life (node/chapters.h)
  std::vector<std::string> warnings;  // of what a person should look at, one line each
  bool disk_full = false;
  uint64_t log_bytes_unsynced = 0;  // appended, and still waiting for the disk
  uint64_t log_bytes_retained = 0;  // from the oldest segment that some group needs to the end
  SetAsideStatus set_aside;
  std::vector<PeerStatus> peers;
  std::vector<GroupStatus> groups;
  uint64_t commands_executed = 0;
  uint64_t commands_forwarded = 0;
  uint64_t peer_frames_sent = 0;
  uint64_t peer_messages_refused = 0;  // that could not be decoded: another version's, or damaged
  uint64_t memory_max = 0;             // 0: no limit
  uint64_t memory_used = 0;            // what counts against it
  std::vector<Gauge> gauges;           // of everything that gathers
};

class Service {
 public:
  virtual ~Service() = default;
  /// `door`: where the client came in. At the cluster door commands without a key (DBSIZE, FLUSHALL, SCAN) concern the
  /// arcs led here, at the any door all of them.
  virtual ClientId open_client(ClientPort& port, Door door) = 0;
  /// Pending commands may still execute, but the port is not called any more.
  virtual void close_client(ClientId client) = 0;
  /// Executes a data command, here or at the leader, linearizably and in the order of this client's tickets (a read
  /// sees the client's earlier writes, even when pipelined). The views are used only during the call. The answer may
  /// come before submit() returns. Every ticket is answered exactly once unless the client is closed first, what could
  /// not be executed and what nobody knows of with a kv::Refusal. Requires: arity and syntax were checked
  /// (kv::StateMachine::check_syntax).
  virtual void submit(ClientId client, Ticket ticket, const kv::CommandView& command,
                      const kv::SessionCall* call = nullptr) = 0;
  /// A new session's id. No group knows of it before its first call: nothing is committed, and nothing can fail.
  virtual kv::SessionId draw_session() = 0;
  /// Commands of this client that wait for an answer; servers stop reading from a client with too many.
  virtual size_t pending(ClientId client) const = 0;
  /// More commands of this client would soon be refused, because so many wait on this node: servers read on when some
  /// of its own are answered.
  virtual bool is_crowded(ClientId) const { return false; }
  virtual NodeStatus status() const = 0;
  /// Why kv::Refusal::kNotBorn is answered, in one line a person can act on; empty if it is not.
  virtual std::string explanation() const { return {}; }
  /// Costs as much as there are arcs: for who asks, not for every command.
  virtual Topology topology() const { return {}; }
  /// Asked for every command at the cluster door: costs next to nothing if the slot is led here. What is led here may
  /// be led elsewhere when the command's turn comes: submit() executes it there then.
  virtual Whereabouts locate(uint16_t) const { return {}; }
};

}  // namespace torc::node
