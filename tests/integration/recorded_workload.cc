#include "recorded_workload.h"

#include <string_view>

#include "base/check.h"
#include "cluster.h"

namespace torc::integration {
namespace {

using check::Operation;
using check::OperationKind;
using check::Outcome;

/// Longer than an election, shorter than a test: a client that waits this long has met a fault.
constexpr Millis kAnswerTimeout{3000};
constexpr Millis kRetryPause{20};

Outcome outcome_of(const Reply& reply) {
  switch (reply.kind) {
    case Reply::Kind::kNil:
      return Outcome::nil();
    case Reply::Kind::kStatus:
    case Reply::Kind::kBulk:
      return Outcome::of_text(reply.text);
    case Reply::Kind::kInteger:
      return Outcome::of_integer(reply.integer);
    case Reply::Kind::kError:
      if (std::string_view(reply.text).starts_with(check::kUnknownOutcome)) return Outcome::unknown();
      return Outcome::error(reply.text);
    case Reply::Kind::kArray:
      break;
  }
  CHECK(false) << "an array is no answer to a command of this workload";
  return {};
}

}  // namespace

std::vector<std::string> words_of(const Operation& operation) {
  switch (operation.kind) {
    case OperationKind::kGet:
      return {"GET", operation.key};
    case OperationKind::kSet:
      return {"SET", operation.key, operation.value};
    case OperationKind::kSetNx:
      return {"SETNX", operation.key, operation.value};
    case OperationKind::kGetSet:
      return {"GETSET", operation.key, operation.value};
    case OperationKind::kGetDel:
      return {"GETDEL", operation.key};
    case OperationKind::kDel:
      return {"DEL", operation.key};
    case OperationKind::kAppend:
      return {"APPEND", operation.key, operation.value};
    case OperationKind::kCas:
      return {"CAS", operation.key, operation.expected, operation.value};
    case OperationKind::kIncr:
      return {"INCRBY", operation.key, std::to_string(operation.delta)};
  }
  CHECK(false) << "no such operation";
  return {};
}

Outcome RespSpeaker::execute(const Operation& operation) {
  if (!client_.is_open()) {
    client_ = RespClient::connect(nodes_[++node_ % nodes_.size()], kAnswerTimeout);
    if (!client_.is_open()) return Outcome::error("not connected, not sent");
  }
  const std::optional<Reply> reply = client_.call(words_of(operation));
  if (!reply) return Outcome::unknown();
  const Outcome outcome = outcome_of(*reply);
  const bool is_about_the_value =
      outcome.text.starts_with(check::kNotAnInteger) || outcome.text.starts_with(check::kWouldOverflow);
  if (reply->is_error() && !is_about_the_value) client_.close();
  return outcome;
}

RecordedWorkload::RecordedWorkload(Options options, std::vector<std::unique_ptr<Speaker>> speakers)
    : options_(options), speakers_(std::move(speakers)), recorded_(speakers_.size()) {
  for (size_t client = 0; client < speakers_.size(); ++client) threads_.emplace_back([this, client] { run(client); });
}

RecordedWorkload::~RecordedWorkload() { stop(); }

int64_t RecordedWorkload::now_ns() const {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin_).count();
}

Operation RecordedWorkload::next_operation(uint32_t client, uint64_t sequence, Prng& prng,
                                           const std::vector<std::string>& seen) {
  // A value names its writer and is a number, so that INCR works on it and no two writes look the same.
  const std::string unique = std::to_string((client + 1) * 100000000ull + sequence);
  const size_t key = prng.below(static_cast<uint64_t>(options_.keys));
  Operation operation;
  operation.client = client;
  operation.key = options_.key_prefix + std::to_string(key);
  operation.value = unique;
  const uint64_t dice = prng.below(100);
  if (dice < 35) {
    operation.kind = OperationKind::kGet;
  } else if (dice < 55) {
    operation.kind = OperationKind::kSet;
  } else if (dice < 70) {
    operation.kind = OperationKind::kCas;
    operation.expected = seen[key];
  } else if (dice < 80) {
    operation.kind = OperationKind::kIncr;
    operation.delta = static_cast<int64_t>(prng.between(1, 9));
  } else if (dice < 88) {
    operation.kind = OperationKind::kAppend;
    operation.value = std::to_string(prng.between(1, 9));
  } else if (dice < 92) {
    operation.kind = OperationKind::kGetSet;
  } else if (dice < 95) {
    operation.kind = OperationKind::kSetNx;
  } else if (dice < 98) {
    operation.kind = OperationKind::kDel;
  } else {
    operation.kind = OperationKind::kGetDel;
  }
  const bool carries_value = operation.kind != OperationKind::kGet && operation.kind != OperationKind::kIncr &&
                             operation.kind != OperationKind::kDel && operation.kind != OperationKind::kGetDel;
  if (!carries_value) operation.value.clear();
  return operation;
}

void RecordedWorkload::execute(size_t client, Operation operation) {
  operation.start_ns = now_ns();
  operation.outcome = speakers_[client]->execute(operation);
  if (operation.outcome.kind != Outcome::Kind::kUnknown) operation.end_ns = now_ns();
  recorded_[client].push_back(std::move(operation));
}

void RecordedWorkload::run(size_t client) {
  Prng prng(options_.seed + client);
  std::vector<std::string> seen(static_cast<size_t>(options_.keys));
  for (uint64_t sequence = 0; !is_stopping_; ++sequence) {
    execute(client, next_operation(static_cast<uint32_t>(client), sequence, prng, seen));
    const Operation& done = recorded_[client].back();
    if (done.kind == OperationKind::kGet) seen[static_cast<size_t>(done.key.back() - '0')] = done.outcome.text;
    if (done.kind == OperationKind::kSet) seen[static_cast<size_t>(done.key.back() - '0')] = done.value;
    const bool is_answered = done.outcome.kind != Outcome::Kind::kUnknown && done.outcome.kind != Outcome::Kind::kError;
    if (is_answered) ++answered_count_;
    sleep_for(is_answered ? options_.pause : kRetryPause);
  }
}

check::History RecordedWorkload::stop() {
  is_stopping_ = true;
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  if (!threads_.empty()) {
    for (int key = 0; key < options_.keys; ++key) {
      Operation read;
      read.key = options_.key_prefix + std::to_string(key);
      execute(0, read);
    }
  }
  threads_.clear();
  check::History all;
  for (const check::History& history : recorded_) all.insert(all.end(), history.begin(), history.end());
  return all;
}

}  // namespace torc::integration
