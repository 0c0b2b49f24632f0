// Many commands at the price of few round trips.
#include <algorithm>
#include <thread>
#include <utility>

#include "base/check.h"
#include "client/client.h"
#include "client/client_attempt.h"
#include "wire/resp_reply_parser.h"

namespace torc::client {

using std::chrono::steady_clock;

std::vector<Answer> Client::batch(std::span<const Words> commands) {
  CHECK(!commands.empty() && commands.size() <= kBatchMax) << commands.size();
  const Safety safety = safety_of(commands[0].at(0));
  for (const Words& words : commands) CHECK(safety != Safety::kOnce && safety_of(words.at(0)) == safety) << words[0];
  const uint64_t first_sequence = sequence_ + 1;
  if (safety == Safety::kSession) sequence_ += commands.size();
  const auto deadline = steady_clock::now() + options_.timeout;
  std::vector<Attempt> states(commands.size());
  std::vector<size_t> pending(commands.size());
  for (size_t i = 0; i < commands.size(); ++i) {
    states[i].deadline = deadline;
    pending[i] = i;
  }
  for (auto pause = options_.pause_min; !pending.empty(); pause = std::min(2 * pause, options_.pause_max)) {
    const auto now = steady_clock::now();
    if (now >= deadline) break;
    for (Attempt& state : states) state.attempt_deadline = std::min(deadline, now + options_.attempt_timeout);
    if (attempt_batch(commands, safety, first_sequence, states, pending)) break;
    if (steady_clock::now() + 2 * pause > deadline) break;  // no attempt without time for its answers
    std::this_thread::sleep_for(pause);
  }
  for (const size_t i : pending) {
    states[i].answer = {states[i].may_have_executed() ? Answer::Kind::kUnknown : Answer::Kind::kUnreachable,
                        {},
                        std::move(states[i].trouble)};
  }
  std::vector<Answer> answers;
  for (Attempt& state : states) answers.push_back(std::move(state.answer));
  return answers;
}

/// Sends what is pending once; true if nothing is pending any more.
bool Client::attempt_batch(std::span<const Words> commands, Safety safety, uint64_t first_sequence,
                           std::vector<Attempt>& states, std::vector<size_t>& pending) {
  const bool has_session = safety == Safety::kSession;
  Attempt& first = states[pending.front()];
  const bool is_ready = connect(first) && (!has_session || draw_session(first));
  if (!is_ready) {
    for (const size_t i : pending) states[i].trouble = first.trouble;
    return false;
  }
  const std::string floor = std::to_string(first_sequence);
  // A first copy opens the session anew where it has been forgotten, and then a command that is numbered above it and
  // sent again would be executed again (kv/sessions.h). So once anything of the batch was in doubt none is a first
  // copy.
  size_t copies = 0;
  for (const Attempt& state : states) copies = std::max(copies, state.copies);
  const std::string copy = std::to_string(copies + 1);
  std::string requests;
  for (const size_t i : pending) {
    Words call = commands[i];
    const std::string sequence = std::to_string(first_sequence + i);
    if (has_session) call.insert(call.begin(), {"TORC.CALL", session_, sequence, floor, copy});
    wire::append_request(requests, call);
  }
  std::vector<wire::RespValue> replies;
  const Status sent = connection_.call_many(requests, pending.size(), replies, first.attempt_deadline);
  std::vector<size_t> left;
  for (size_t k = 0; k < pending.size(); ++k) {
    Attempt& state = states[pending[k]];
    if (k >= replies.size()) {
      state.trouble = node().text() + ": " + sent.error().message;
      if (has_session && sent.error().code == ErrorCode::kUnknown) ++state.copies;
      left.push_back(pending[k]);
    } else if (!replies[k].is_error()) {
      state.answer = {Answer::Kind::kReply, std::move(replies[k]), {}};
    } else if (!weigh(replies[k], safety, state)) {
      left.push_back(pending[k]);
    }
  }
  pending = std::move(left);
  if (pending.empty()) return true;
  next_node();
  return false;
}

}  // namespace torc::client
