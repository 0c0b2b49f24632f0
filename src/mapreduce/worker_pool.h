// Worker processes of one job, started and watched by who wants its end.
#pragma once

#include <list>
#include <string>
#include <vector>

#include "base/result.h"
#include "mapreduce/attempt.h"
#include "mapreduce/child.h"
#include "mapreduce/jobs.h"

namespace torc::mapreduce {

/// Workers are not tied to the life of this process: killed with no time to stop them, it leaves them to end the job.
class WorkerPool {
 public:
  /// `command`: of a worker; `--id` and its id are added.
  WorkerPool(std::string job, std::vector<std::string> command) : job_(std::move(job)), command_(std::move(command)) {}
  ~WorkerPool() { stop(); }

  Status start(size_t count);
  /// Of a job that has not ended: hands back the tasks of workers that died and starts others in their place. Returns
  /// what happened, one sentence each. Errors: kUnavailable, kIo. kInvalid: they end by themselves, again and again.
  Result<std::vector<std::string>> look(Jobs& jobs);
  /// Asks them to give back what they run, and waits for their ends.
  void stop();
  /// Ends them at once: the job has ended.
  void kill() { members_.clear(); }

 private:
  struct Member {
    WorkerId id;
    Child child;
  };
  Status start_one();

  const std::string job_;
  const std::vector<std::string> command_;
  std::list<Member> members_;
  size_t early_ends_ = 0;  // of workers that were not killed
};

}  // namespace torc::mapreduce
