// The functions that jobs can name: wc, ii, grep, sort, sum.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "mapreduce/job.h"
#include "mapreduce/job_record.h"

namespace torc::mapreduce {

struct Builtin {
  std::string_view name;
  std::string_view summary;
  /// A map and a reduce, and what belongs to them. Errors: kInvalid: an argument is missing or wrong.
  Result<Functions> (*functions)(const JobSpec& spec);
};

/// In the order in which --help shows them.
std::span<const Builtin> builtins();
/// Null: there is none.
const Builtin* find_builtin(std::string_view name);

/// Emits the sum of the values, which are whole numbers.
void reduce_to_sum(std::string_view key, Values& values, Emitter& out);

}  // namespace torc::mapreduce
