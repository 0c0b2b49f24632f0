// Operations of a history as nodes are told them, and answers of nodes as histories keep them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "check/history.h"
#include "kv/command.h"
#include "kv/reply_sink.h"

namespace torc::sim {

struct Command {
  kv::CommandId id = kv::CommandId::kNone;
  std::vector<std::string> args;

  /// About what it takes on the wire.
  size_t bytes() const;
};

/// A bundle is one object of a history that stands for many keys, all of them written by each MSET and DEL and read by
/// each MGET: those are atomic, so all keys have one value at any time. Its name is `b<number>x<count of keys>`.
std::string bundle_name(uint64_t number, size_t keys);
/// The keys of a bundle; nothing for the name of any other object.
std::optional<std::vector<std::string>> keys_of_bundle(std::string_view name);

/// Keys and values in full (check/filler.h).
Command command_of(const check::Operation& operation);

/// What a server says to a client before its node is asked: nothing (true), or an error. As net/resp_connection.cc and
/// wire/resp_parser.h do it.
bool is_let_in(const kv::CommandView& command, kv::ReplySink& refusal);

/// What a client is told.
struct Told {
  check::Outcome outcome;
  std::optional<kv::Refusal> refusal;  // then the outcome is an error if the command certainly was not executed
};

/// Takes one reply and makes an outcome of it, long texts written short. The answer to an MGET or DEL of a bundle is
/// that of one key if all agree; otherwise a text that nobody wrote.
class OutcomeSink final : public kv::ReplySink {
 public:
  /// `keys`: of the command; 1 unless it is one of a bundle.
  void begin(size_t keys);
  /// Exactly one reply was given. Otherwise text() says what is wrong.
  bool is_complete() const { return replies_ == 1 && missing_ == 0; }
  Told take() { return {std::move(outcome_), std::exchange(refusal_, {})}; }
  /// Of all texts, in full.
  size_t bytes() const { return bytes_; }

  void ok() override { add(check::Outcome::ok()); }
  void status(std::string_view text) override { add(check::Outcome::of_text(std::string(text))); }
  void error(std::string_view text) override { add(check::Outcome::error(std::string(text))); }
  void integer(int64_t value) override;
  void bulk(std::string_view value) override;
  void nil() override { add(check::Outcome::nil()); }
  void array(size_t count) override;
  void map(size_t) override { replies_ = 2; }
  void refusal(kv::Refusal refusal) override;

 private:
  void add(check::Outcome outcome);

  size_t keys_ = 1;
  size_t replies_ = 0;
  size_t missing_ = 0;  // elements of an array
  bool is_first_ = false;
  size_t bytes_ = 0;
  std::string first_;  // the first element in full: the others are compared with it, not written short one by one
  check::Outcome outcome_;
  std::optional<kv::Refusal> refusal_;
};

}  // namespace torc::sim
