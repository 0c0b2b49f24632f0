#include "mapreduce/worker_pool.h"

#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <thread>
#include <utility>

#include "mapreduce/drive.h"
#include "mapreduce/fields.h"
#include "mapreduce/host_files.h"
#include "mapreduce/run.h"
#include "mapreduce/torc_store.h"

namespace torc::mapreduce {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kEarlyEndsMax = 20;
constexpr milliseconds kStopPatience{5'000};
constexpr milliseconds kStopLook{5};
constexpr milliseconds kEndLook{10};  // how late the end of a job is noticed
constexpr milliseconds kProgressLook{250};
constexpr int kProgressShare = 10;  // looking at progress takes at most this part of the time: it reads every task

/// Somebody killed it, or the kernel did for want of memory. Any other signal is the work of what it ran.
bool was_killed(int status) {
  return WIFSIGNALED(status) &&
         (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGINT);
}

}  // namespace

Status WorkerPool::start_one() {
  const WorkerId id(random_number());
  Child::Options options;
  options.argv = command_;
  options.argv.insert(options.argv.end(), {"--id", to_hex(id.value, 16)});
  Result<Child> child = Child::start(options);
  if (!child) return child.error();
  members_.push_front(Member{id, std::move(child).value()});  // before the one that look() is at
  return {};
}

Status WorkerPool::start(size_t count) {
  while (members_.size() < count) {
    if (Status status = start_one(); !status) return status;
  }
  return {};
}

Result<std::vector<std::string>> WorkerPool::look(Jobs& jobs) {
  std::vector<std::string> said;
  for (auto member = members_.begin(); member != members_.end();) {
    const std::optional<int> status = member->child.status();
    if (!status) {
      ++member;
      continue;
    }
    const WorkerId id = member->id;
    const std::string ending = ending_of(*status);
    member = members_.erase(member);
    const bool is_crash = WIFSIGNALED(*status) && !was_killed(*status);
    if (Status buried = jobs.bury(job_, id, is_crash ? "its worker ended with " + ending : std::string()); !buried) {
      return buried.error();
    }
    // One that was told to stop has ended well, and still another one is wanted here.
    if (*status != 0 && !was_killed(*status) && ++early_ends_ > kEarlyEndsMax) {
      return Error{ErrorCode::kInvalid, "workers end by themselves, the last one with " + ending};
    }
    said.push_back("a worker ended with " + ending + "; another one takes its place");
    if (Status started = start_one(); !started) return started.error();
  }
  return said;
}

void WorkerPool::stop() {
  for (const Member& member : members_) {
    member.child.kill(SIGTERM);
    member.child.kill(SIGCONT);  // one that somebody stopped could not end
  }
  const auto give_up = steady_clock::now() + kStopPatience;
  for (Member& member : members_) {
    while (!member.child.status() && steady_clock::now() < give_up) std::this_thread::sleep_for(kStopLook);
  }
  members_.clear();  // kills the rest
}

Result<JobStatus> run_workers(const Setting& setting, const std::string& job, size_t workers,
                              const std::vector<std::string>& worker) {
  TorcStore store(TorcStore::Options{setting.nodes, setting.patience, setting.on_trouble});
  HostFiles files;
  Jobs jobs(store, files);
  WorkerPool pool(job, worker);
  if (Status status = pool.start(workers); !status) return status.error();
  auto next_progress = steady_clock::now() + kProgressLook;
  for (;;) {
    const Result<JobRecord> record = jobs.find(job);
    if (!record) return record.error();
    if (record->is_ended()) break;
    if (setting.should_stop()) return Error{ErrorCode::kUnavailable, "stopped; `resume " + job + "` goes on with it"};
    const Result<std::vector<std::string>> ended = pool.look(jobs);
    if (!ended) return ended.error();
    for (const std::string& sentence : *ended) setting.on_trouble(sentence);
    if (const auto begin = steady_clock::now(); begin >= next_progress) {
      const Result<JobStatus> status = jobs.status(job);
      if (!status) return status.error();
      setting.on_progress(*status);
      const auto now = steady_clock::now();
      next_progress = now + std::max<steady_clock::duration>(kProgressLook, kProgressShare * (now - begin));
    }
    std::this_thread::sleep_for(kEndLook);
  }
  // They have nothing to give back, and what a backup still writes must not come after the directory is gone.
  pool.kill();
  const Result<JobStatus> status = jobs.status(job);
  if (status && status->record.state == JobState::kDone) (void)files.remove_tree(status->record.scratch());
  return status;
}

}  // namespace torc::mapreduce
