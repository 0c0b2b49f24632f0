#include "mapreduce/run.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>

#include "mapreduce/drive.h"
#include "mapreduce/host_files.h"
#include "mapreduce/local_store.h"
#include "mapreduce/torc_store.h"

namespace torc::mapreduce {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook{200};       // how often progress is looked at
constexpr std::chrono::milliseconds kNoJobLook{500};  // how often a worker without a job looks for one
constexpr size_t kBlockBytes = 1u << 20;

ThreadExecutor::Options executor_options(const Setting& setting) {
  ThreadExecutor::Options options;
  options.threads = setting.threads > 0 ? setting.threads : cores();
  options.memory_bytes = setting.memory_bytes;
  options.seed = random_number();
  if (!setting.nodes.empty()) {
    options.keys = [access = StoreAccess{setting.nodes, setting.patience}] {
      return std::make_unique<TorcKeySource>(access);
    };
  }
  return options;
}

FunctionsOf functions_of(const Setting& setting) {
  std::shared_ptr<const StoreAccess> access;
  if (!setting.nodes.empty()) access = std::make_shared<StoreAccess>(StoreAccess{setting.nodes, setting.patience});
  return [own = setting.functions, access](const JobRecord& record) {
    return functions_for(record.spec, own, access.get());
  };
}

/// Copies the standard input into a file, synced: a worker on another machine reads it, also after a power loss.
Status spool(FileSystem& files, const std::string& path) {
  Result<std::unique_ptr<WritableFile>> file = files.create(path);
  if (!file) return file.error();
  std::string block(kBlockBytes, '\0');
  for (;;) {
    const ssize_t count = ::read(STDIN_FILENO, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error{ErrorCode::kIo, std::string("standard input: ") + std::strerror(errno)};
    if (count == 0) return (*file)->sync();
    const Status status = (*file)->append(std::string_view(block).substr(0, static_cast<size_t>(count)));
    if (!status) return status;
  }
}

}  // namespace

size_t cores() { return std::max(1u, std::thread::hardware_concurrency()); }

Status submit_job(const Setting& setting, Jobs& jobs, FileSystem& files, const std::string& job, JobSpec spec) {
  JobRecord record;
  record.birth = random_number();
  record.spec = spec;
  // Whatever is wrong with the functions is said before anything is made.
  const Result<Functions> functions = functions_of(setting)(record);
  if (!functions) return functions.error();
  if (Status status = check_job_name(job); !status) return status;
  const auto standard = std::find(spec.inputs.begin(), spec.inputs.end(), kStandardInput);
  if (standard != spec.inputs.end()) {
    *standard = record.scratch() + "/stdin";
    Status spooled = files.make_directory(record.scratch());
    if (spooled) spooled = spool(files, *standard);
    if (!spooled) {
      (void)files.remove_tree(record.scratch());
      return spooled;
    }
  }
  Status submitted = jobs.submit(job, spec, record.birth, unix_ms());
  if (!submitted) (void)files.remove_tree(record.scratch());
  return submitted;
}

Result<JobStatus> run_local(const Setting& setting, const std::string& job, const JobSpec& spec) {
  LocalStore store;
  const auto files = std::make_shared<HostFiles>();
  Jobs jobs(store, *files);
  JobSpec local = spec;
  local.is_synced = false;  // no other process could resume it
  if (Status status = submit_job(setting, jobs, *files, job, local); !status) return status.error();
  std::optional<Result<std::optional<JobRecord>>> ended;
  {
    ThreadExecutor executor(files, functions_of(setting), executor_options(setting));
    auto next_look = steady_clock::now() + kLook;
    const auto should_stop = [&] {
      if (steady_clock::now() >= next_look) {
        if (const Result<JobStatus> status = jobs.status(job)) setting.on_progress(*status);
        next_look = steady_clock::now() + kLook;
      }
      return setting.should_stop();
    };
    ended.emplace(work(WorkerId(random_number()), job, store, *files, executor, should_stop));
  }
  Result<JobStatus> status = jobs.status(job);
  (void)jobs.remove(job, true);
  if (!*ended) return ended->error();
  if (status && !status->record.is_ended())
    return Error{ErrorCode::kUnavailable, "stopped; nothing is left of the job"};
  return status;
}

Result<std::optional<JobRecord>> run_worker(const Setting& setting, const std::string& job, WorkerId id) {
  TorcStore store(TorcStore::Options{setting.nodes, setting.patience, setting.on_trouble});
  const auto files = std::make_shared<HostFiles>();
  ThreadExecutor executor(files, functions_of(setting), executor_options(setting));
  return work(id, job, store, *files, executor, setting.should_stop);
}

Status run_worker_of_all(const Setting& setting) {
  TorcStore store(TorcStore::Options{setting.nodes, setting.patience, setting.on_trouble});
  HostFiles files;
  Jobs jobs(store, files);
  while (!setting.should_stop()) {
    const Result<std::map<std::string, JobRecord>> all = jobs.list();
    if (!all) return all.error();
    bool has_worked = false;
    for (const auto& [job, record] : *all) {
      if (record.is_ended() || setting.should_stop()) continue;
      has_worked = true;
      const Result<std::optional<JobRecord>> ended = run_worker(setting, job, WorkerId(random_number()));
      // One job that makes no sense must not keep it from the others.
      if (!ended && ended.error().code != ErrorCode::kCorrupt) return ended.error();
      if (!ended) setting.on_trouble("job " + job + ": " + ended.error().message);
    }
    for (auto left = kNoJobLook; !has_worked && left.count() > 0 && !setting.should_stop(); left -= kNoJobLook / 10) {
      std::this_thread::sleep_for(kNoJobLook / 10);
    }
  }
  return {};
}

}  // namespace torc::mapreduce
