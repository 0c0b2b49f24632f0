// Connections between simulated machines: delay, loss, one-way cuts, resets. Bytes go in and the same bytes come out.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "env/network.h"
#include "sim/dialect.h"
#include "sim/event_queue.h"
#include "sim/link.h"
#include "sim/process.h"
#include "sim/trace.h"

namespace torc::sim {

/// Received and not read yet, per connection: a process that reads nothing stops its peers from sending.
constexpr size_t kSocketBytesMax = 4u << 20;

struct NetworkOptions {
  Duration delay_min = 50us;
  Duration delay_max = 500us;
  uint32_t slow_per_million = 10'000;  // frames that take up to slow_max instead
  Duration slow_max = 20ms;
  uint32_t loss_per_million = 0;       // lost inside a standing connection: a full queue drops, too (env/network.h)
  uint32_t duplicate_per_million = 0;  // control channel only; TCP does not, but consensus must not care
  uint32_t overtake_per_million = 0;   // frames that others may overtake; likewise
  Duration connect_min = 1ms;
  Duration connect_max = 100ms;
  Bandwidth bandwidth;  // of each direction of each pair
};

/// After a refusal, and after being told to come back soon.
constexpr Duration kRefusedRetry = 500ms;
constexpr Duration kLaterRetry = 50ms;

/// What happens to frames sent into a cut direction.
enum class CutMode : uint8_t {
  kNone,
  kLose,
  kHold,  // as TCP retransmission: they wait in the sender's queue and arrive, in order, after the heal
};

class SimNetwork {
 public:
  SimNetwork(EventQueue& queue, Prng prng, Trace& trace, const NetworkOptions& options);
  ~SimNetwork();

  /// Adds a machine; the process must outlive the network.
  env::Network& add(NodeId node, Process& process);
  /// The process runs and has set its handler: its connections come up.
  void on_start(NodeId node);
  /// The process is gone: its peers notice after a while.
  void on_death(NodeId node);
  /// How the process at this machine speaks from now on.
  void set_dialect(NodeId node, Dialect dialect);
  /// Frames sent in this turn leave. Called at the end of every turn.
  void flush(NodeId node);

  /// Requires: from != to. Also stops connections from being made, since they need both directions.
  void cut(NodeId from, NodeId to, CutMode mode);
  void heal_all();
  /// Ends the cut from one to the other; what was held leaves.
  void heal(NodeId from, NodeId to);
  /// Frames between the two take this much longer, in both directions. heal_all() ends it, and so does zero.
  void slow_link(NodeId a, NodeId b, Duration extra);
  /// What fits through between the two, in each direction. heal_all() ends it, and so does the options' bandwidth.
  void thin_link(NodeId a, NodeId b, const Bandwidth& bandwidth);
  /// Breaks the connection, if it stands; it is made again after a while if nothing is cut.
  void reset(NodeId a, NodeId b, env::Channel channel);
  /// Bytes of frames that left the one towards the other.
  uint64_t sent_bytes(NodeId from, NodeId to) { return link(position_of(from), position_of(to)).sent_bytes(); }
  /// What waits to be sent anywhere.
  uint64_t queued_bytes() const;
  void set_options(const NetworkOptions& options) { options_ = options; }

 private:
  struct Port;
  struct Direction;
  struct Connection;
  /// One way of one connection.
  struct Way {
    size_t from;
    size_t to;
    env::Channel channel;
  };

  size_t position_of(NodeId node) const;
  Connection& connection(size_t a, size_t b, size_t channel);
  Direction& direction(const Way& way);
  Link& link(size_t from, size_t to) { return *links_[from][to]; }
  Duration draw_delay();
  size_t queued_bytes(const Port& from, NodeId to, env::Channel channel) const;
  void send(Port& from, NodeId to, env::Channel channel, std::string body);
  bool deliver(const Way& way, const LinkFrame& frame, Duration behind);
  void arrive_at(Instant when, const Way& way, const LinkFrame& frame, bool is_counted);
  void arrive(const Way& way, const LinkFrame& frame, bool is_counted);
  void was_read(const Way& way, const LinkFrame& frame);
  void reopen(size_t from, size_t to);
  void connect_later(size_t a, size_t b, size_t channel);
  void connect_after(size_t a, size_t b, size_t channel, Duration wait);
  void connect(size_t a, size_t b, size_t channel);
  void break_connection(size_t a, size_t b, size_t channel);
  void tell_broken(size_t whom, size_t peer, size_t channel);
  // ---- handshakes: both processes judge each other before there is a connection, as net/peer_hello.h draws it ----
  struct Handshake {
    size_t dialer;
    size_t listener;
    size_t channel;
    uint64_t attempt;
  };
  std::optional<std::string> introduction_of(const Port& port) const;
  void say(const Handshake& handshake, bool is_to_listener, std::function<void()> work);
  void on_call(const Handshake& handshake, const std::string& introduction);
  void on_answer(const Handshake& handshake, const std::string& answer, const std::string& introduction);
  void on_welcome(const Handshake& handshake, const std::string& introduction, uint64_t epoch);
  void refuse(const Handshake& handshake, bool is_by_listener, const env::Admission& admission);
  void give_up(const Handshake& handshake, Duration wait);
  void connected(size_t whom, size_t peer, size_t channel, uint64_t epoch, bool ends_earlier);

  EventQueue& queue_;
  Prng prng_;
  Trace& trace_;
  NetworkOptions options_;
  uint64_t last_epoch_ = 0;
  uint64_t last_attempt_ = 0;
  std::vector<std::unique_ptr<Port>> ports_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::vector<std::unique_ptr<Link>>> links_;  // [from][to]
  std::vector<std::vector<CutMode>> cuts_;                 // [from][to]
  std::vector<std::vector<Duration>> extra_delay_;         // [from][to], symmetric
};

}  // namespace torc::sim
