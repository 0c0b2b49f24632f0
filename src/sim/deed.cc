#include "sim/deed.h"

#include <charconv>
#include <utility>

#include "base/check.h"
#include "check/filler.h"
#include "kv/state_machine.h"
#include "wire/resp_parser.h"

namespace torc::sim {
namespace {

using check::OperationKind;

constexpr size_t kArgumentBytes = 8;  // "$4096\r\n...\r\n"

Command command_of_bundle(const check::Operation& operation, std::vector<std::string> keys) {
  switch (operation.kind) {
    case OperationKind::kGet:
      return {kv::CommandId::kMGet, std::move(keys)};
    case OperationKind::kDel:
      return {kv::CommandId::kDel, std::move(keys)};
    case OperationKind::kSet: {
      Command command{kv::CommandId::kMSet, {}};
      const std::string value = check::expanded(operation.value);
      for (std::string& key : keys) {
        command.args.push_back(std::move(key));
        command.args.push_back(value);
      }
      return command;
    }
    case OperationKind::kSetNx:
    case OperationKind::kGetSet:
    case OperationKind::kGetDel:
    case OperationKind::kAppend:
    case OperationKind::kCas:
    case OperationKind::kIncr:
      break;
  }
  CHECK(false) << "no command does this to many keys: " << check::name_of(operation.kind);
  return {};
}

}  // namespace

size_t Command::bytes() const {
  size_t total = kArgumentBytes;
  for (const std::string& arg : args) total += arg.size() + kArgumentBytes;
  return total;
}

std::string bundle_name(uint64_t number, size_t keys) {
  return "b" + std::to_string(number) + "x" + std::to_string(keys);
}

std::optional<std::vector<std::string>> keys_of_bundle(std::string_view name) {
  const size_t at = name.find('x');
  if (!name.starts_with('b') || at == std::string_view::npos) return std::nullopt;
  size_t count = 0;
  const auto [end, error] = std::from_chars(name.data() + at + 1, name.data() + name.size(), count);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  std::vector<std::string> keys;
  // One hash tag: keys of one slot always share a group.
  const std::string tag = "{" + std::string(name.substr(0, at)) + "}";
  for (size_t i = 0; i < count; ++i) keys.push_back(tag + std::to_string(i));
  return keys;
}

Command command_of(const check::Operation& operation) {
  if (auto keys = keys_of_bundle(operation.key)) return command_of_bundle(operation, *std::move(keys));
  const std::string key = check::expanded(operation.key);
  switch (operation.kind) {
    case OperationKind::kGet:
      return {kv::CommandId::kGet, {key}};
    case OperationKind::kSet:
      return {kv::CommandId::kSet, {key, check::expanded(operation.value)}};
    case OperationKind::kSetNx:
      return {kv::CommandId::kSetNx, {key, check::expanded(operation.value)}};
    case OperationKind::kGetSet:
      return {kv::CommandId::kGetSet, {key, check::expanded(operation.value)}};
    case OperationKind::kGetDel:
      return {kv::CommandId::kGetDel, {key}};
    case OperationKind::kDel:
      return {kv::CommandId::kDel, {key}};
    case OperationKind::kAppend:
      return {kv::CommandId::kAppend, {key, check::expanded(operation.value)}};
    case OperationKind::kCas:
      return {kv::CommandId::kCas, {key, check::expanded(operation.expected), check::expanded(operation.value)}};
    case OperationKind::kIncr:
      return {kv::CommandId::kIncrBy, {key, std::to_string(operation.delta)}};
  }
  CHECK(false);
  return {};
}

bool is_let_in(const kv::CommandView& command, kv::ReplySink& refusal) {
  size_t bytes = kArgumentBytes;
  for (const std::string_view arg : command.args) {
    bytes += arg.size() + kArgumentBytes;
    if (arg.size() <= static_cast<size_t>(wire::kBulkBytesMax)) continue;
    refusal.error("ERR Protocol error: invalid bulk length");
    return false;
  }
  if (bytes > wire::kRequestBytesMax) {
    refusal.error("ERR Protocol error: the request is too large");
    return false;
  }
  return kv::StateMachine::check_syntax(command, refusal);
}

// ---- answers ----

void OutcomeSink::begin(size_t keys) {
  keys_ = keys;
  replies_ = missing_ = bytes_ = 0;
  is_first_ = false;
  first_.clear();
  outcome_ = check::Outcome::unknown();
  refusal_.reset();
}

void OutcomeSink::integer(int64_t value) {
  if (keys_ > 1 && value != 0) {  // a DEL of all
    if (value != static_cast<int64_t>(keys_)) {
      return add(check::Outcome::of_text("only " + std::to_string(value) + " of " + std::to_string(keys_)));
    }
    value = 1;
  }
  add(check::Outcome::of_integer(value));
}

void OutcomeSink::bulk(std::string_view value) {
  bytes_ += value.size();
  if (missing_ == 0) return add(check::Outcome::of_text(check::shortened(value)));
  if (is_first_) {
    first_ = value;
    return add(check::Outcome::of_text(check::shortened(value)));
  }
  const bool is_equal = outcome_.kind == check::Outcome::Kind::kText && value == first_;
  add(is_equal ? outcome_ : check::Outcome::of_text(check::shortened(value)));
}

void OutcomeSink::array(size_t count) {
  if (count != keys_ || count == 0) {
    replies_ = 2;
    return;
  }
  ++replies_;
  missing_ = count;
  is_first_ = true;
}

void OutcomeSink::refusal(kv::Refusal refusal) {
  refusal_ = refusal;
  add(is_definite(refusal) ? check::Outcome::error(std::string(kv::name_of(refusal))) : check::Outcome::unknown());
}

void OutcomeSink::add(check::Outcome outcome) {
  if (missing_ == 0) {
    ++replies_;
    outcome_ = std::move(outcome);
    return;
  }
  --missing_;
  if (std::exchange(is_first_, false)) {
    outcome_ = std::move(outcome);
  } else if (!(outcome_ == outcome)) {
    outcome_ = check::Outcome::of_text("keys that are written together differ: \"" + outcome_.text + "\" and \"" +
                                       outcome.text + "\"");
  }
}

}  // namespace torc::sim
