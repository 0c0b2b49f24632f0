// Jobs in words, for people.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "mapreduce/jobs.h"

namespace torc::mapreduce {

/// "1.5 MB"
std::string bytes_text(uint64_t bytes);
/// "maps 3/8, 120.0 MB of 400.0 MB, 93.1 MB/s, 3 s left". Rates are taken between two calls.
class ProgressText {
 public:
  std::string next(const JobStatus& status, std::chrono::steady_clock::time_point now);

 private:
  struct Point {
    std::chrono::steady_clock::time_point at;
    bool is_map_phase = true;
    uint64_t bytes = 0;
  };
  std::optional<Point> begin_;  // of the phase
};

/// What a job came to, several lines. `job`: its name.
std::string summary_text(const std::string& job, const JobStatus& status);
/// All of a job, several lines.
std::string status_text(const std::string& job, const JobStatus& status);
/// A table; "no jobs" if there are none.
std::string list_text(const std::map<std::string, JobRecord>& jobs, uint64_t now_ms);

}  // namespace torc::mapreduce
