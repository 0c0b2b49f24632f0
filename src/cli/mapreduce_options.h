// The command line of `torc mapreduce` as a value.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "cli/command_line.h"
#include "mapreduce/attempt.h"
#include "mapreduce/job_record.h"

namespace torc::cli {

/// What every subcommand takes.
struct MapReduceCommon {
  std::vector<client::Endpoint> nodes;
  std::chrono::milliseconds patience{300'000};
};

struct MapReduceRun {
  MapReduceCommon common;
  std::string job;  // empty: a name is made
  mapreduce::JobSpec spec;
  size_t workers = 0;
  size_t threads = 0;
  size_t memory_bytes = 0;
  bool is_local = false;
  bool is_quiet = false;
  bool is_resumed = false;  // `resume`: the job is there already
};

struct MapReduceWorker {
  MapReduceCommon common;
  std::string job;         // empty: all that run
  mapreduce::WorkerId id;  // none: a new one
  size_t threads = 0;
  size_t memory_bytes = 0;
};

struct MapReduceJob {
  enum class What : uint8_t { kList, kStatus, kCancel, kRemove };
  What what = What::kList;
  MapReduceCommon common;
  std::string job;
};

using MapReduceLine = std::variant<Printed, MapReduceRun, MapReduceWorker, MapReduceJob>;

/// `program`: how its user calls it, for help. `own`: names of its own functions.
MapReduceLine parse_mapreduce(const std::string& program, int argc, const char* const* argv,
                              const std::vector<std::string>& own);

/// 64M, 2G, 1048576. Errors: kInvalid.
Result<uint64_t> parse_size(std::string_view text);

}  // namespace torc::cli
