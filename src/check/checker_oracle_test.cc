// The checker against the dumbest one possible: try every order.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "check/checker.h"
#include "check/drawing.h"
#include "check/history_format.h"
#include "check/state_space.h"

namespace torc::check {
namespace {

using Value = std::optional<std::string>;

/// The sequential specification once more, on plain strings: what `operation` answers on `value`, which it changes.
Outcome execute(Value& value, const Operation& operation) {
  const auto old_value = [&] { return value ? Outcome::of_text(*value) : Outcome::nil(); };
  switch (operation.kind) {
    case OperationKind::kGet:
      return old_value();
    case OperationKind::kSet:
      value = operation.value;
      return Outcome::ok();
    case OperationKind::kSetNx:
      if (value) return Outcome::of_integer(0);
      value = operation.value;
      return Outcome::of_integer(1);
    case OperationKind::kGetSet: {
      const Outcome outcome = old_value();
      value = operation.value;
      return outcome;
    }
    case OperationKind::kGetDel: {
      const Outcome outcome = old_value();
      value.reset();
      return outcome;
    }
    case OperationKind::kDel: {
      const bool existed = value.has_value();
      value.reset();
      return Outcome::of_integer(existed ? 1 : 0);
    }
    case OperationKind::kAppend:
      value = value.value_or("") + operation.value;
      return Outcome::of_integer(static_cast<int64_t>(value->size()));
    case OperationKind::kCas:
      if (value != operation.expected) return Outcome::of_integer(0);
      value = operation.value;
      return Outcome::of_integer(1);
    case OperationKind::kIncr: {
      const auto number = parse_number(value.value_or("0"));
      if (!number) return Outcome::error("ERR value is not an integer or out of range");
      value = std::to_string(*number + operation.delta);
      return Outcome::of_integer(*number + operation.delta);
    }
  }
  return Outcome::unknown();
}

bool comes_first(const Operation& a, const Operation& b) { return a.end_ns && *a.end_ns < b.start_ns; }

bool has_order(const History& history, std::vector<bool>& used, const Value& value) {
  bool is_complete = true;
  for (size_t i = 0; i < history.size(); ++i) {
    if (!used[i] && history[i].outcome.kind != Outcome::Kind::kUnknown) is_complete = false;
  }
  if (is_complete) return true;
  for (size_t i = 0; i < history.size(); ++i) {
    if (used[i]) continue;
    bool may_be_next = true;
    for (size_t j = 0; j < history.size(); ++j) {
      if (!used[j] && j != i && comes_first(history[j], history[i])) may_be_next = false;
    }
    if (!may_be_next) continue;
    Value after = value;
    const Outcome outcome = execute(after, history[i]);
    if (history[i].outcome.kind != Outcome::Kind::kUnknown && !(outcome == history[i].outcome)) continue;
    used[i] = true;
    if (has_order(history, used, after)) return true;
    used[i] = false;
  }
  return false;
}

Operation random_operation(Prng& prng, uint32_t client, const std::vector<OperationKind>& kinds) {
  static const char* const kTexts[] = {"1", "2", "12", "x"};
  Operation operation;
  operation.client = client;
  operation.key = "k";
  operation.kind = kinds[prng.below(kinds.size())];
  const bool writes_value = operation.kind == OperationKind::kSet || operation.kind == OperationKind::kSetNx ||
                            operation.kind == OperationKind::kGetSet || operation.kind == OperationKind::kAppend ||
                            operation.kind == OperationKind::kCas;
  if (writes_value) operation.value = kTexts[prng.below(4)];
  if (operation.kind == OperationKind::kCas) operation.expected = kTexts[prng.below(4)];
  if (operation.kind == OperationKind::kIncr) operation.delta = static_cast<int64_t>(prng.between(1, 2));
  return operation;
}

/// Clients run operations with random overlaps; each takes effect somewhere inside, so the history is linearizable.
/// Then, maybe, answers are lost or swapped.
History random_history(Prng& prng, const std::vector<OperationKind>& kinds) {
  struct Running {
    Operation operation;
    bool is_running = false;
    bool has_effect = false;
  };
  std::vector<Running> clients(prng.between(2, 4));
  const size_t count = prng.between(3, 7);
  History history;
  Value value;
  int64_t now = 0;
  for (size_t started = 0;;) {
    Running& client = clients[prng.below(clients.size())];
    now += static_cast<int64_t>(prng.between(1, 3));
    if (!client.is_running) {
      if (started == count) {
        bool any = false;
        for (const Running& other : clients) any = any || other.is_running;
        if (!any) break;
        continue;
      }
      client = {random_operation(prng, static_cast<uint32_t>(&client - clients.data()), kinds), true, false};
      client.operation.start_ns = now;
      ++started;
    } else if (!client.has_effect) {
      client.has_effect = true;
      client.operation.outcome = execute(value, client.operation);
    } else {
      client.is_running = false;
      client.operation.end_ns = now;
      history.push_back(client.operation);
    }
  }
  if (prng.chance(1, 2)) {
    Outcome& first = history[prng.below(history.size())].outcome;
    Outcome& second = history[prng.below(history.size())].outcome;
    if (first.kind == second.kind) std::swap(first, second);
  }
  while (prng.chance(1, 3)) {
    Operation& lost = history[prng.below(history.size())];
    lost.outcome = Outcome::unknown();
    lost.end_ns.reset();
  }
  if (prng.chance(1, 4)) {  // an answer out of thin air
    Operation& odd = history[prng.below(history.size())];
    if (odd.kind == OperationKind::kGet && odd.end_ns) odd.outcome = Outcome::of_text("2");
    if (odd.kind == OperationKind::kAppend && odd.end_ns) odd.outcome = Outcome::of_integer(3);
  }
  return history;
}

void compare_on_random_histories(uint64_t seed, const std::vector<OperationKind>& kinds) {
  constexpr int kHistories = 6000;
  Prng prng(seed);
  int good = 0;
  int bad = 0;
  for (int i = 0; i < kHistories; ++i) {
    const History history = random_history(prng, kinds);
    const Result<Report> report = check_history(history);
    if (!report.ok()) continue;  // a swap made an answer that its operation cannot give
    std::vector<bool> used(history.size(), false);
    const bool expected = has_order(history, used, std::nullopt);
    ASSERT_EQ(report->verdict == Verdict::kLinearizable, expected) << format_history(history).value();
    (expected ? good : bad) += 1;
    if (report->violation) {
      EXPECT_FALSE(report->violation->operations.empty());
      EXPECT_FALSE(report->violation->states_before.empty());
    }
  }
  EXPECT_GT(good, kHistories / 10);
  EXPECT_GT(bad, kHistories / 50);
}

using K = OperationKind;

TEST(CheckerOracle, AgreesOnRegisters) { compare_on_random_histories(1, {K::kGet, K::kSet, K::kSet, K::kDel}); }
TEST(CheckerOracle, AgreesOnAppends) {
  compare_on_random_histories(2, {K::kGet, K::kSet, K::kAppend, K::kAppend, K::kAppend, K::kDel});
}
TEST(CheckerOracle, AgreesOnCompareAndSet) { compare_on_random_histories(3, {K::kGet, K::kSet, K::kCas, K::kSetNx}); }
TEST(CheckerOracle, AgreesOnCounters) {
  compare_on_random_histories(4, {K::kGet, K::kSet, K::kIncr, K::kIncr, K::kDel});
}
TEST(CheckerOracle, AgreesOnEverythingTogether) {
  compare_on_random_histories(
      5, {K::kGet, K::kSet, K::kSetNx, K::kGetSet, K::kGetDel, K::kDel, K::kAppend, K::kCas, K::kIncr});
}

/// A long history from `clients` clients over `keys` keys, each operation taking effect somewhere inside its interval.
History long_history(size_t operations, uint32_t clients, uint64_t keys, uint64_t unanswered_per_million) {
  Prng prng(7);
  std::vector<std::optional<Operation>> running(clients);
  std::vector<bool> has_effect(clients, false);
  std::vector<Value> values(keys);
  History history;
  history.reserve(operations);
  for (int64_t now = 0; history.size() < operations; ++now) {
    const uint32_t client = static_cast<uint32_t>(prng.below(clients));
    auto& current = running[client];
    if (!current) {
      current = random_operation(prng, client, {K::kGet, K::kGet, K::kSet, K::kSet, K::kAppend, K::kCas, K::kDel});
      const uint64_t key = prng.below(keys);
      current->key = std::to_string(key);
      if (current->kind == K::kSet || current->kind == K::kAppend) current->value = std::to_string(now);
      if (current->kind == K::kCas) current->expected = values[key].value_or("");
      current->start_ns = now;
      has_effect[client] = false;
    } else if (!has_effect[client]) {
      has_effect[client] = true;
      current->outcome = execute(values[std::stoul(current->key)], *current);
    } else {
      current->end_ns = now;
      if (prng.chance(unanswered_per_million, 1'000'000)) {
        current->outcome = Outcome::unknown();
        current->end_ns.reset();
      }
      history.push_back(std::move(*current));
      current.reset();
    }
  }
  for (const auto& current : running) {  // under way when the recording ended
    if (!current) continue;
    history.push_back(*current);
    history.back().outcome = Outcome::unknown();
  }
  return history;
}

TEST(CheckerOracle, DecidesALongHistoryOfSixteenClients) {
  History history = long_history(40'000, 16, 5, 500);
  Result<Report> report = check_history(history);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(report->verdict, Verdict::kLinearizable) << (report->violation ? draw(history, *report->violation) : "");

  for (size_t i = history.size() - 100; i < history.size(); ++i) {
    if (history[i].kind != K::kGet || !history[i].end_ns) continue;
    history[i].outcome = Outcome::of_text("never written");
    break;
  }
  report = check_history(history);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_EQ(report->verdict, Verdict::kNotLinearizable);
}

}  // namespace
}  // namespace torc::check
