// Who tries what: the names of workers, tasks and attempts.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/strong_id.h"

namespace torc::mapreduce {

/// Random, drawn when a worker starts: two lives of one process differ.
using WorkerId = StrongId<struct WorkerIdTag>;

enum class TaskKind : uint8_t { kPlan, kMap, kReduce };

struct TaskName {
  TaskKind kind = TaskKind::kPlan;
  uint32_t index = 0;  // of the split, or of the partition; 0 for the plan

  auto operator<=>(const TaskName&) const = default;
  /// "plan", "m-00012", "r-00003".
  std::string text() const;
  /// For people: "the plan", "map 12", "reduce 3".
  std::string title() const;
};

/// The number counts the attempts of a task; the worker makes the name unique even if the count began again (a record
/// that nobody has changed for a day is forgotten, see certain.h).
struct AttemptId {
  uint32_t number = 0;
  WorkerId worker;

  auto operator<=>(const AttemptId&) const = default;
  /// "3-8c01f00ddeadbeef"
  std::string text() const;
  static std::optional<AttemptId> parse(std::string_view text);
};

struct Attempt {
  TaskName task;
  AttemptId id;

  auto operator<=>(const Attempt&) const = default;
  /// Where it writes, within the scratch directory: "m-00012.3-8c01f00ddeadbeef". Never another attempt's.
  std::string file_name() const;
};

}  // namespace torc::mapreduce
