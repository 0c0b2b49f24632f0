#include "client/client.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/check.h"
#include "client/client_attempt.h"
#include "wire/command_table.h"

namespace torc::client {
namespace {

using std::chrono::steady_clock;

/// What an error reply says about the attempt that it answers.
enum class Meaning {
  kFinal,      // the command was looked at and refused; sending it again would change nothing
  kElsewhere,  // not now or not here, and certainly not executed
  kAgain,      // not answered, and perhaps executed: only the same call may follow
  kUnknown,    // the cluster itself does not know
};

Meaning meaning_of(std::string_view error) {
  if (error.starts_with("UNKNOWN")) return Meaning::kUnknown;
  if (error.starts_with("TRYAGAIN")) return Meaning::kAgain;
  for (const std::string_view beginning :
       {"CLUSTERDOWN", "LOADING", "ERR too many writes", "ERR max number of clients"}) {
    if (error.starts_with(beginning)) return Meaning::kElsewhere;
  }
  return Meaning::kFinal;
}

/// A full disk, which has space again when somebody has made some: says nothing about the command, nor about earlier
/// attempts.
bool is_for_lack_of_space(std::string_view error) { return error.starts_with("MISCONF"); }

}  // namespace

Client::Client(ClientOptions options) : options_(std::move(options)) { CHECK(!options_.nodes.empty()); }

Answer Client::incr(std::string_view key, int64_t delta) {
  return delta == 1 ? command({"INCR", key}) : command({"INCRBY", key, std::to_string(delta)});
}

Client::Safety Client::safety_of(std::string_view name) {
  const wire::CommandRow* row = wire::find_command(name);
  if (row == nullptr) return Safety::kOnce;
  if (row->is_data()) return row->traits.is_write ? Safety::kSession : Safety::kRepeatable;
  return row->connection == wire::ConnectionCommand::kTorcCall ? Safety::kOnce : Safety::kRepeatable;
}

Answer Client::command(std::span<const std::string_view> args) {
  CHECK(!args.empty());
  const Safety safety = safety_of(args[0]);
  if (safety == Safety::kSession) ++sequence_;
  Attempt state;
  state.deadline = steady_clock::now() + options_.timeout;
  auto pause = options_.pause_min;
  for (;;) {
    const auto now = steady_clock::now();
    if (now >= state.deadline) break;
    state.attempt_deadline = std::min(state.deadline, now + options_.attempt_timeout);
    if (attempt(args, safety, state)) return std::move(state.answer);
    // An attempt that is cut off leaves a write that was refused so far with an unknown outcome: begin none without
    // time for its answer.
    if (steady_clock::now() + 2 * pause > state.deadline) break;
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, options_.pause_max);
  }
  state.answer.kind = state.may_have_executed() ? Answer::Kind::kUnknown : Answer::Kind::kUnreachable;
  state.answer.message = std::move(state.trouble);
  return std::move(state.answer);
}

bool Client::attempt(std::span<const std::string_view> args, Safety safety, Attempt& state) {
  if (!connect(state)) return false;
  std::vector<std::string_view> call(args.begin(), args.end());
  const std::string sequence = std::to_string(sequence_);
  const std::string copy = std::to_string(state.copies + 1);
  if (safety == Safety::kSession) {
    if (!draw_session(state)) return false;
    // Everything below this call is answered or given up.
    call.insert(call.begin(), {"TORC.CALL", session_, sequence, sequence, copy});
  }
  Result<wire::RespValue> reply = connection_.call(call, state.attempt_deadline);
  if (!reply.ok()) {
    state.trouble = node().text() + ": " + reply.error().message;
    next_node();
    if (reply.error().code != ErrorCode::kUnknown || safety == Safety::kRepeatable) return false;
    ++state.copies;
    if (safety == Safety::kSession) return false;
    state.answer = {Answer::Kind::kUnknown, {}, state.trouble};
    return true;
  }
  if (reply->is_error()) return judge(*reply, safety, state);
  state.answer = {Answer::Kind::kReply, std::move(*reply), {}};
  return true;
}

/// True once it is certain, or certainly unknown, what became of the command. Otherwise the next node is to be asked.
bool Client::judge(const wire::RespValue& reply, Safety safety, Attempt& state) {
  if (weigh(reply, safety, state)) return true;
  next_node();
  return false;
}

bool Client::weigh(const wire::RespValue& reply, Safety safety, Attempt& state) {
  state.trouble = node().text() + ": " + reply.text;
  Meaning meaning = meaning_of(reply.text);
  if (safety == Safety::kOnce && meaning != Meaning::kUnknown) meaning = Meaning::kFinal;
  if (meaning == Meaning::kUnknown && safety == Safety::kRepeatable) meaning = Meaning::kElsewhere;
  const bool is_for_now = meaning == Meaning::kFinal && is_for_lack_of_space(reply.text);
  if (is_for_now && state.may_have_executed()) meaning = Meaning::kAgain;
  switch (meaning) {
    case Meaning::kFinal:
      state.answer = {Answer::Kind::kRefused, {}, reply.text, is_for_now};
      return true;
    case Meaning::kUnknown:
      state.answer = {Answer::Kind::kUnknown, {}, reply.text};
      return true;
    case Meaning::kAgain:
      if (safety == Safety::kSession) ++state.copies;
      return false;
    case Meaning::kElsewhere:
      return false;
  }
  return false;
}

bool Client::connect(Attempt& state) {
  if (connection_.is_open()) return true;
  Result<RespConnection> connection = RespConnection::connect(node(), state.attempt_deadline);
  if (connection.ok()) {
    connection_ = std::move(connection).value();
    return true;
  }
  if (!state.may_have_executed()) state.trouble = connection.error().message;
  next_node();
  return false;
}

bool Client::draw_session(Attempt& state) {
  if (!session_.empty()) return true;
  const std::string_view request[] = {"TORC.SESSION", "NEW"};
  const Result<wire::RespValue> reply = connection_.call(request, state.attempt_deadline);
  if (reply.ok() && !reply->is_error() && !reply->text.empty()) {
    session_ = reply->text;
    return true;
  }
  state.trouble = node().text() + ": " + (reply.ok() ? reply->text : reply.error().message);
  next_node();
  return false;
}

void Client::next_node() {
  connection_.close();
  node_ = (node_ + 1) % options_.nodes.size();
}

}  // namespace torc::client
