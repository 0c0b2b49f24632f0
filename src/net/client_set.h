// The clients of one RESP server, and what they share: the loop, the node, a receive buffer, spare output buffers,
// counters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/lifetime.h"
#include "host/event_loop.h"
#include "net/connection_commands.h"
#include "net/door.h"
#include "net/info.h"
#include "net/resp_limits.h"
#include "node/service.h"

namespace torc::net {

class RespConnection;

class ClientSet {
 public:
  ClientSet(host::EventLoop& loop, node::Service& service, const RespLimits& limits);
  ~ClientSet();
  ClientSet(const ClientSet&) = delete;
  ClientSet& operator=(const ClientSet&) = delete;

  /// Takes the non-blocking descriptor of an accepted connection over.
  void add(int descriptor, node::Door door, std::string address, std::string local_address);
  size_t size() const { return connections_.size(); }
  /// Ids and connections, in the order of arrival. Closed ones stay in it until the end of the turn.
  const std::map<uint64_t, std::unique_ptr<RespConnection>>& connections() const { return connections_; }
  /// Flushes every connection something happened to, and forgets the closed ones.
  void end_turn();
  void close_stuck_and_idle();

  // ---- for connections ----
  void mark(RespConnection& connection);
  /// Calls resume() of the connection in the next turn if it still exists: its commands need a turn of the node.
  void resume_next_turn(uint64_t id);
  std::span<char> receive_space() { return receive_space_; }
  /// An empty string, usually with room.
  std::string take_spare_output();
  void give_spare_output(std::string output);

  host::EventLoop& loop() { return loop_; }
  node::Service& service() { return service_; }
  const RespLimits& limits() const { return limits_; }
  RespStats& stats() { return stats_; }
  ConnectionCommands& commands() { return commands_; }
  size_t buffered_bytes() const { return buffered_bytes_; }
  /// A client's buffers have become larger, or smaller (negative). Above the limit of all together this dooms whoever
  /// holds most.
  void account(ptrdiff_t bytes);
  /// Large answers enough for one turn: whoever has not been read from yet has to wait for the next.
  bool is_turn_full() const { return grown_this_turn_ >= limits_.growth_per_turn_max; }
  /// Descriptions enough for one turn: whoever wants another one waits for its turn to come again.
  bool is_turn_spent() const { return describing_this_turn_ >= limits_.describing_per_turn_max; }
  void spend(Duration time) { describing_this_turn_ += time; }
  Instant started_at() const { return started_at_; }
  /// Null: there is no such door.
  const OpenDoor* door(node::Door door) const;
  /// 0: there is no such door.
  uint16_t port(node::Door door) const;
  void add_door(OpenDoor door) { doors_.push_back(std::move(door)); }

 private:
  void resume(uint64_t id);
  void doom_largest();

  host::EventLoop& loop_;
  node::Service& service_;
  const RespLimits limits_;
  const Instant started_at_;
  std::vector<OpenDoor> doors_;
  RespStats stats_;
  ConnectionCommands commands_;
  std::vector<char> receive_space_;
  std::vector<std::string> spare_outputs_;
  size_t buffered_bytes_ = 0;
  size_t grown_this_turn_ = 0;
  Duration describing_this_turn_{};
  uint64_t last_id_ = 0;
  std::map<uint64_t, std::unique_ptr<RespConnection>> connections_;
  std::vector<RespConnection*> marked_;
  std::vector<uint64_t> gone_;
  Lifetime lifetime_;  // posted work may run after the set is gone
};

}  // namespace torc::net
