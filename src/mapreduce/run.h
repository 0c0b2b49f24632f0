// Runs jobs: alone in this process, as a worker among others, or by starting workers and watching them.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "client/endpoint.h"
#include "mapreduce/functions_for.h"
#include "mapreduce/jobs.h"

namespace torc::mapreduce {

/// An input that means the standard input of who submits the job.
constexpr std::string_view kStandardInput = "-";

struct Setting {
  std::vector<client::Endpoint> nodes;          // empty: no store, only run_local()
  std::chrono::milliseconds patience{300'000};  // with a store that is away
  size_t threads = 0;                           // of a worker; 0: one for each core
  size_t memory_bytes = size_t{512} << 20;      // of a worker, all its threads together
  OwnFunctions functions;
  std::function<bool()> should_stop = [] { return false; };
  /// Told now and then how far the job is.
  std::function<void(const JobStatus&)> on_progress = [](const JobStatus&) {};
  /// What people should know meanwhile: the store is away, a worker has died. One sentence.
  std::function<void(const std::string&)> on_trouble = [](const std::string&) {};
};

size_t cores();

/// The job in this process alone, without a store: nothing of it is left but its outputs. Errors: kInvalid: it cannot
/// be begun. kUnavailable: stopped.
Result<JobStatus> run_local(const Setting& setting, const std::string& job, const JobSpec& spec);

/// Reads the standard input if the job wants it, and makes the job. Errors: kInvalid, kDiskFull, kUnavailable.
Status submit_job(const Setting& setting, Jobs& jobs, FileSystem& files, const std::string& job, JobSpec spec);

/// Starts `workers` processes and waits for the job's end. Who dies is replaced. `worker`: the command line of one, to
/// which its id is added. Errors: kUnavailable: stopped, or the store was away for too long; the job can be resumed.
/// kNotFound.
Result<JobStatus> run_workers(const Setting& setting, const std::string& job, size_t workers,
                              const std::vector<std::string>& worker);

/// Takes part in a job until it ends. Nothing if the job is gone, or this was told to stop.
Result<std::optional<JobRecord>> run_worker(const Setting& setting, const std::string& job, WorkerId id);
/// Takes part in every job that runs, one after the other, until it is told to stop.
Status run_worker_of_all(const Setting& setting);

}  // namespace torc::mapreduce
