// A client of a Torc cluster: any node will do, failures are followed, every write happens at most once.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/endpoint.h"
#include "client/resp_connection.h"
#include "wire/resp_value.h"

namespace torc::client {

struct ClientOptions {
  std::vector<Endpoint> nodes;                       // at least one; more are used when one fails
  std::chrono::milliseconds timeout{10'000};         // of one operation with all its retries
  std::chrono::milliseconds attempt_timeout{1'500};  // then the next node is asked: longer than an election
  std::chrono::milliseconds pause_min{10};           // between attempts, doubling
  std::chrono::milliseconds pause_max{200};
};

/// What became of a command.
struct Answer {
  enum class Kind {
    kReply,        // `reply`, never an error
    kRefused,      // an error of the server; the command had no effect
    kUnreachable,  // no node took it in time; it had no effect
    kUnknown,      // nobody can say: it may have had its effect, or may still have it
  };
  Kind kind = Kind::kUnknown;
  wire::RespValue reply;
  std::string message;  // of all but kReply: one line
  /// Of kRefused: for lack of space, not for what the command is. It may be taken later.
  bool is_for_now = false;

  bool is_reply() const { return kind == Kind::kReply; }
};

/// Not for several threads at once. Blocks; connects when first used.
///
/// Exactly once: a write carries (session, sequence), and is sent again under the same pair, to whichever node answers,
/// until its deadline. The cluster executes a pair once and gives the first answer again (rules.md#exactly-once).
/// Reads, which may happen twice unharmed, carry none. If a write's last attempt was never answered the outcome is
/// kUnknown; the next write to the same part of the keys raises the session's floor above it, after which it can have
/// no effect any more.
///
/// The session is drawn once and kept. Each part of the keys opens it with the first write that comes there, and again
/// if it has forgotten it, if that write is marked as sent by nobody before. So is every write's first copy, and no
/// other: a copy that was certainly refused does not count.
class Client {
 public:
  /// Requires: options.nodes is not empty.
  explicit Client(ClientOptions options);

  /// Any data command, with its name. What it does (read or write) is looked up in the command table; other commands
  /// (PING, INFO, ...) are sent to one node and repeated like reads; unknown ones are sent once.
  Answer command(std::span<const std::string_view> args);
  Answer command(std::initializer_list<std::string_view> args) { return command({args.begin(), args.size()}); }

  using Words = std::vector<std::string_view>;
  /// At most so many; the session keeps their answers until the next command.
  static constexpr size_t kBatchMax = 1'000;
  /// Independent commands, sent together and answered together: what each would be alone, at a fraction of the price.
  /// All of them read, or all of them write. In the order of `commands`; after a failure only those without an answer
  /// are sent again, so two writes of one key in one batch may happen in either order. Requires: 1 to kBatchMax data
  /// commands.
  std::vector<Answer> batch(std::span<const Words> commands);

  Answer get(std::string_view key) { return command({"GET", key}); }
  Answer set(std::string_view key, std::string_view value) { return command({"SET", key, value}); }
  Answer del(std::string_view key) { return command({"DEL", key}); }
  Answer append(std::string_view key, std::string_view piece) { return command({"APPEND", key, piece}); }
  Answer incr(std::string_view key, int64_t delta = 1);
  Answer cas(std::string_view key, std::string_view expected, std::string_view value) {
    return command({"CAS", key, expected, value});
  }
  Answer ttl(std::string_view key) { return command({"TTL", key}); }

  /// The node asked last.
  const Endpoint& node() const { return options_.nodes[node_]; }

 private:
  enum class Safety { kRepeatable, kSession, kOnce };
  struct Attempt;

  static Safety safety_of(std::string_view name);
  /// True once `answer` is final.
  bool attempt(std::span<const std::string_view> args, Safety safety, Attempt& state);
  bool connect(Attempt& state);
  bool draw_session(Attempt& state);
  bool judge(const wire::RespValue& reply, Safety safety, Attempt& state);
  bool weigh(const wire::RespValue& reply, Safety safety, Attempt& state);
  // client_batch.cc
  bool attempt_batch(std::span<const Words> commands, Safety safety, uint64_t first_sequence,
                     std::vector<Attempt>& states, std::vector<size_t>& pending);
  void next_node();

  ClientOptions options_;
  size_t node_ = 0;
  RespConnection connection_;
  std::string session_;    // empty: not drawn yet
  uint64_t sequence_ = 0;  // of the last write
};

}  // namespace torc::client
