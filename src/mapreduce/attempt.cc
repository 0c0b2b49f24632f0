#include "mapreduce/attempt.h"

#include "mapreduce/fields.h"

namespace torc::mapreduce {
namespace {

constexpr size_t kWorkerDigits = 16;

std::string padded(uint32_t index) {
  const std::string digits = std::to_string(index);
  return digits.size() < 5 ? std::string(5 - digits.size(), '0') + digits : digits;
}

}  // namespace

std::string TaskName::text() const {
  switch (kind) {
    case TaskKind::kPlan:
      return "plan";
    case TaskKind::kMap:
      return "m-" + padded(index);
    case TaskKind::kReduce:
      return "r-" + padded(index);
  }
  return {};
}

std::string TaskName::title() const {
  switch (kind) {
    case TaskKind::kPlan:
      return "the plan";
    case TaskKind::kMap:
      return "map " + std::to_string(index);
    case TaskKind::kReduce:
      return "reduce " + std::to_string(index);
  }
  return {};
}

std::string AttemptId::text() const { return std::to_string(number) + "-" + to_hex(worker.value, kWorkerDigits); }

std::optional<AttemptId> AttemptId::parse(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::optional<uint64_t> number = parse_number(text.substr(0, dash));
  const std::optional<uint64_t> worker = parse_hex(text.substr(dash + 1), kWorkerDigits);
  if (!number || !worker || *number > UINT32_MAX) return std::nullopt;
  return AttemptId{static_cast<uint32_t>(*number), WorkerId(*worker)};
}

std::string Attempt::file_name() const { return task.text() + "." + id.text(); }

}  // namespace torc::mapreduce
