// Bounds of the RESP server. Defaults are what `torc serve` runs with; tests shrink them.
#pragma once

#include <cstddef>

#include "base/time.h"

namespace torc::net {

struct RespLimits {
  /// Connections; the next one is told "max number of clients reached" (Redis's maxclients).
  size_t clients_max = 10'000;
  /// Unanswered commands of one client. At this many its input is left in the socket until half of them are answered.
  size_t pending_commands_max = 1024;
  /// Bytes of commands handed to the node since the client last had none pending: bounds what 1024 large values may
  /// hold.
  size_t pending_bytes_max = 64u << 20;
  /// Above this much unsent output nothing more is read from the client until half of it has left.
  size_t output_soft_bytes = 1u << 20;
  /// A client that does not read while answers to earlier commands arrive is closed above this; one answer may exceed
  /// it.
  size_t output_hard_bytes = 64u << 20;
  /// A client above the soft limit that takes nothing at all for this long is closed.
  Duration slow_reader_timeout = 60s;
  /// After a protocol error input is thrown away for this long, so that the error reaches the client.
  Duration linger_timeout = 2s;
  Duration sweep_interval = 1s;  // how often the two above are looked at
  /// A client that neither sends nor waits for an answer for this long is closed; 0: never (Redis's timeout).
  Duration idle_timeout{};
  /// Probes on a connection without traffic begin after this long (Redis's tcp-keepalive), so that a client whose
  /// machine is gone is noticed.
  Duration keepalive = 300s;
  /// Input and output buffered for all clients together; above it those that hold most are closed, until a sixteenth of
  /// it is free.
  size_t buffered_bytes_max = 1u << 30;
  /// Answers of a client above this are counted as they come, and not only at the end of the turn.
  size_t buffered_usual_bytes = 1u << 20;
  /// What the buffers of all clients may grow by until the others are left for the next turn: copying a gigabyte of
  /// answers in one turn would keep the node from being heard.
  size_t growth_per_turn_max = 16u << 20;
  /// Keys of one command. It is executed at once for whoever looks, so everybody else who wants to write in its group
  /// waits for all of it.
  size_t command_keys_max = 100'000;
  /// What commands that describe this node, its clients or its commands may take of a turn, all clients together: a
  /// thousand CLIENT LISTs are ten kilobytes to send.
  Duration describing_per_turn_max = 5ms;
};

}  // namespace torc::net
