#include "mapreduce/torc_keys.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace torc::mapreduce {
namespace {

using client::Answer;
using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kKeysPause{100};
constexpr std::chrono::milliseconds kPermit{2'000};
constexpr int kRoundsMax = 1'000;  // of one batch: somebody else writes the same keys all the time

client::ClientOptions client_options(const StoreAccess& access) {
  client::ClientOptions options;
  options.nodes = access.nodes;
  return options;
}

bool is_answered(const Answer& answer) {
  if (answer.kind == Answer::Kind::kRefused) return !answer.is_for_now;
  return answer.kind != Answer::Kind::kUnreachable;
}

}  // namespace

TorcKeySource::TorcKeySource(const StoreAccess& access) : access_(access), client_(client_options(access)) {}

Result<KeyPage> TorcKeySource::page(uint64_t first, uint64_t last, std::string_view prefix, const std::string& cursor) {
  const std::string first_text = std::to_string(first);
  const std::string last_text = std::to_string(last);
  const std::string_view words[] = {"TORC.SCAN", first_text, last_text, cursor, "PREFIX", prefix, "VALUES"};
  const auto give_up = steady_clock::now() + access_.patience;
  for (;;) {
    Answer answer = client_.command(words);
    if (answer.kind == Answer::Kind::kRefused) {
      return Error{ErrorCode::kInvalid, "the store refuses TORC.SCAN: " + answer.message};
    }
    if (answer.is_reply()) {
      wire::RespValue& reply = answer.reply;
      if (reply.elements.size() != 2 || reply.elements[1].elements.size() % 3 != 0) {
        return Error{ErrorCode::kInvalid, "the store's answer to TORC.SCAN makes no sense"};
      }
      KeyPage page;
      page.next = std::move(reply.elements[0].text);
      std::vector<wire::RespValue>& found = reply.elements[1].elements;
      for (size_t i = 0; i < found.size(); i += 3) {
        page.keys.push_back({std::move(found[i].text), std::move(found[i + 2].text), found[i + 1].integer});
      }
      return page;
    }
    if (steady_clock::now() >= give_up) {
      return Error{ErrorCode::kUnavailable, "the store is away: " + answer.message};
    }
    std::this_thread::sleep_for(kKeysPause);
  }
}

KeyWriter::KeyWriter(const StoreAccess& access, std::string permit_key, std::function<Result<bool>()> is_current,
                     std::function<void()> on_wait)
    : access_(access),
      permit_key_(std::move(permit_key)),
      is_current_(std::move(is_current)),
      on_wait_(std::move(on_wait)),
      client_(client_options(access)) {}

void KeyWriter::add(StoredKey key) {
  bytes_ += key.key.size() + key.value.size();
  keys_.push_back(std::move(key));
}

/// One command, until it has an answer. Errors: kUnavailable, kInvalid: refused.
Result<Answer> KeyWriter::call(const client::Client::Words& words) {
  Answer answer = std::move(batch({words}).front());
  if (answer.kind == Answer::Kind::kUnreachable) {
    return Error{ErrorCode::kUnavailable, "the store is away: " + answer.message};
  }
  if (answer.kind == Answer::Kind::kRefused) {
    return Error{ErrorCode::kInvalid, "the store refuses " + std::string(words[0]) + ": " + answer.message};
  }
  return answer;
}

Status KeyWriter::have_permit() {
  const bool is_first = permit_end_.empty();
  for (bool is_free = !is_first; !is_free;) {
    const Result<Answer> there = call({"EXISTS", permit_key_});
    if (!there) return there.error();
    is_free = there->reply.integer == 0;
    on_wait_();
    if (!is_free) std::this_thread::sleep_for(kKeysPause);
  }
  // Half of its time is left for a batch by our clock, which began to count before the cluster's did.
  if (!is_first && steady_clock::now() - permit_asked_ < kPermit / 2) return {};
  const std::string lifetime = std::to_string(kPermit.count());
  for (;;) {
    permit_asked_ = steady_clock::now();
    const Result<Answer> made = call({"SET", permit_key_, "permit", "PX", lifetime});
    if (!made) return made.error();
    const Result<Answer> end = call({"PEXPIRETIME", permit_key_});
    if (!end) return end.error();
    // Gone already if that took too long; without an end if somebody else has made it anew.
    if (made->is_reply() && end->is_reply() && end->reply.integer > 0) {
      permit_end_ = std::to_string(end->reply.integer);
      return {};
    }
    on_wait_();
  }
}

void KeyWriter::end() {
  if (!permit_end_.empty()) (void)client_.command({"DEL", permit_key_});
}

/// Until every command has an answer, or the patience is over.
std::vector<Answer> KeyWriter::batch(const std::vector<client::Client::Words>& commands) {
  const auto give_up = steady_clock::now() + access_.patience;
  std::vector<Answer> answers(commands.size());
  std::vector<size_t> left(commands.size());
  for (size_t i = 0; i < left.size(); ++i) left[i] = i;
  for (;;) {
    std::vector<client::Client::Words> asked;
    for (const size_t i : left) asked.push_back(commands[i]);
    std::vector<Answer> got = client_.batch(asked);
    std::vector<size_t> still;
    for (size_t k = 0; k < left.size(); ++k) {
      if (!is_answered(got[k])) still.push_back(left[k]);
      answers[left[k]] = std::move(got[k]);
    }
    left = std::move(still);
    if (left.empty() || steady_clock::now() >= give_up) return answers;
    on_wait_();
    std::this_thread::sleep_for(kKeysPause);
  }
}

Result<std::vector<std::string>> KeyWriter::versions_of(const std::vector<size_t>& keys) {
  std::vector<client::Client::Words> commands;
  for (const size_t i : keys) commands.push_back({"VERSION", keys_[i].key});
  std::vector<std::string> versions;
  for (const Answer& answer : batch(commands)) {
    if (!answer.is_reply())
      return Error{ErrorCode::kUnavailable, "the store does not say a version: " + answer.message};
    versions.push_back(std::to_string(answer.reply.integer));
  }
  return versions;
}

Status KeyWriter::write_all() {
  std::vector<size_t> left(keys_.size());
  for (size_t i = 0; i < left.size(); ++i) left[i] = i;
  for (int round = 0; !left.empty(); ++round) {
    if (round == kRoundsMax) {
      return Error{ErrorCode::kUnavailable, "key " + keys_[left.front()].key + " is written by others all the time"};
    }
    on_wait_();
    if (Status status = have_permit(); !status) return status;
    const Result<std::vector<std::string>> versions = versions_of(left);
    if (!versions) return versions.error();
    const Result<bool> is_current = is_current_();
    if (!is_current) return is_current.error();
    if (!*is_current) return Error{ErrorCode::kInvalid, "this attempt has been replaced"};
    std::vector<std::string> deadlines(left.size());
    std::vector<client::Client::Words> commands;
    for (size_t k = 0; k < left.size(); ++k) {
      const StoredKey& key = keys_[left[k]];
      commands.push_back({"CASVERSION", key.key, (*versions)[k], key.value, "BEFORE", permit_end_});
      if (key.deadline_ms == 0) continue;
      deadlines[k] = std::to_string(key.deadline_ms);
      commands.back().insert(commands.back().end(), {"PXAT", deadlines[k]});
    }
    const std::vector<Answer> answers = batch(commands);
    std::vector<size_t> still;  // changed by somebody meanwhile, perhaps by our own write of unknown outcome
    for (size_t k = 0; k < left.size(); ++k) {
      if (answers[k].kind == Answer::Kind::kRefused) {
        return Error{ErrorCode::kInvalid, "the store refuses key " + keys_[left[k]].key + ": " + answers[k].message};
      }
      if (answers[k].kind == Answer::Kind::kUnreachable) {
        return Error{ErrorCode::kUnavailable, "the store is away: " + answers[k].message};
      }
      if (!answers[k].is_reply() || answers[k].reply.integer != 1) still.push_back(left[k]);
    }
    left = std::move(still);
  }
  keys_.clear();
  bytes_ = 0;
  return {};
}

}  // namespace torc::mapreduce
