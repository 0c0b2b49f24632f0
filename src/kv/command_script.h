// Test support: runs command lines against a state machine and shows the replies as text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kv/batch.h"
#include "kv/state_machine.h"

namespace torc::kv {

/// Replies as lines: +status, -error, !refusal, :integer, "bulk" with \xNN for what is not printable, (nil), *count.
class TextSink final : public ReplySink {
 public:
  void ok() override { text_ += "+OK\n"; }
  void status(std::string_view text) override { line('+', text); }
  void error(std::string_view text) override { line('-', text); }
  void integer(int64_t value) override { line(':', std::to_string(value)); }
  void bulk(std::string_view value) override;
  void nil() override { text_ += "(nil)\n"; }
  void array(size_t count) override { line('*', std::to_string(count)); }
  void map(size_t count) override { line('%', std::to_string(count)); }
  void refusal(Refusal refusal) override { line('!', name_of(refusal)); }
  const std::string& text() const { return text_; }

 private:
  void line(char mark, std::string_view text) {
    text_ += mark;
    text_ += text;
    text_ += '\n';
  }
  std::string text_;
};

/// Gives all operations of an entry the same sink.
class OneSinkRouter final : public ReplyRouter {
 public:
  explicit OneSinkRouter(ReplySink& sink) : sink_(sink) {}
  ReplySink& sink_for(size_t) override { return sink_; }

 private:
  ReplySink& sink_;
};

/// Words of a line; "..." may hold spaces and \xNN, \n, \r, \", \\.
std::vector<std::string> split_words(std::string_view line);
/// The command of this name, also for the internal operations OPENSESSION, PURGE and SETBACK.
CommandId command_named(std::string_view name);

/// A command that owns its words.
struct OwnedCommand {
  explicit OwnedCommand(std::string_view line);
  CommandView view();
  CommandId id;
  std::vector<std::string> words;  // without the name
  std::vector<std::string_view> views;
};

/// One machine and its log: every command is an entry of its own.
struct ScriptMachine {
  explicit ScriptMachine(uint64_t hash_seed = 1, Arc arc = {}) : machine(StateMachineOptions{hash_seed, arc}) {}

  /// As a node does it: syntax check, then read() for reads, and the log for the rest.
  std::string run(std::string_view line);
  /// Through the log, whatever it is.
  std::string propose(std::string_view line, const SessionCall* call = nullptr);
  /// Through the log, at the present time.
  std::string apply(CommandView command, const SessionCall* call = nullptr);

  StateMachine machine;
  WallMs now{1'700'000'000'000};
  uint64_t index = 0;
};

/// Runs every line that begins with "> " and returns the script with the replies as they are: equal to `script` if they
/// are as expected. Reads go to a second machine too, through its log, and must answer the same.
std::string replies_to(std::string_view script);

}  // namespace torc::kv
