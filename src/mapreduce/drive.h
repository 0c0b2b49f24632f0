// Drives a worker: turns, one after the other, until its job is over.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "mapreduce/file_system.h"
#include "mapreduce/key_store.h"
#include "mapreduce/thread_executor.h"
#include "mapreduce/worker.h"

namespace torc::mapreduce {

/// Not 0. From the kernel.
uint64_t random_number();
uint64_t unix_ms();

/// Runs a worker's part in a job to its end. `should_stop`: asked at every turn; then what runs here is given back.
/// Returns the job as it was last seen; nothing if it is gone. Errors: kUnavailable, kCorrupt.
Result<std::optional<JobRecord>> work(WorkerId id, const std::string& job, KeyStore& store, FileSystem& files,
                                      ThreadExecutor& executor, const std::function<bool()>& should_stop);

}  // namespace torc::mapreduce
