// A command that every group executes for its own keys (DBSIZE, FLUSHALL), as one command to its client.
#pragma once

#include <string>

#include "node/clients.h"

namespace torc::node {

/// Stands as a client of its own towards the groups: the n-th group's answer has ticket n. Integers are added up, and
/// OK is the answer if all say so. Each group executes it at its own moment: the whole is exact per group only.
class Gathering final : public ClientPort {
 public:
  /// Requires: the waiter was started (Clients::start), and `groups` commands with client() will be. `clients` outlives
  /// it.
  Gathering(Clients& clients, const Request& request, size_t groups);
  ~Gathering() override;

  ClientId client() const { return client_; }
  /// Everything is answered, the waiter too.
  bool is_done() const { return left_ == 0; }

  kv::ReplySink& begin_reply(Ticket) override { return sum_; }
  void end_reply(Ticket) override;

 private:
  class Sum final : public kv::ReplySink {
   public:
    void ok() override { ++executed; }
    void status(std::string_view) override { ++executed; }
    void error(std::string_view text) override { error_text = text; }
    void integer(int64_t value) override;
    void bulk(std::string_view) override { ++executed; }
    void nil() override { ++executed; }
    void array(size_t) override { ++executed; }
    void map(size_t) override { ++executed; }
    void refusal(kv::Refusal refusal) override;

    size_t executed = 0;
    bool is_number = false;
    int64_t total = 0;
    std::string error_text;  // all groups say the same
    std::optional<kv::Refusal> refused;
  };
  kv::Refusal refusal_of_all() const;
  void answer();

  Clients& clients_;
  const Waiter waiter_;
  const bool is_write_;
  const bool is_labelled_;
  ClientId client_;
  Sum sum_;
  size_t left_;
};

}  // namespace torc::node
