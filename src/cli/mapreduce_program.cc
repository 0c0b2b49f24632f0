#include "cli/mapreduce_program.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "cli/mapreduce_options.h"
#include "mapreduce/drive.h"
#include "mapreduce/fields.h"
#include "mapreduce/host_files.h"
#include "mapreduce/job_text.h"
#include "mapreduce/run.h"
#include "mapreduce/torc_store.h"

namespace torc::cli {
namespace {

using mapreduce::JobState;
using mapreduce::JobStatus;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kLineEvery{10};  // of progress, where no terminal can show it in place

std::atomic<bool> stop_asked = false;

void ask_stop(int) { stop_asked.store(true); }

void listen_for_stops() {
  struct sigaction action {};
  action.sa_handler = ask_stop;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);  // a command that reads no further is no reason to end
}

class ProgressDisplay {
 public:
  explicit ProgressDisplay(bool is_quiet) : is_quiet_(is_quiet) {}
  void show(const JobStatus& status) {
    if (is_quiet_) return;
    const auto now = steady_clock::now();
    const std::string line = text_.next(status, now);
    if (is_terminal_) {
      std::fprintf(stderr, "\r\033[K%s", line.c_str());
    } else if (now >= next_line_) {
      std::fprintf(stderr, "%s\n", line.c_str());
      next_line_ = now + kLineEvery;
    }
  }
  void say(const std::string& sentence) {
    clear();
    std::fprintf(stderr, "%s\n", sentence.c_str());
  }
  void clear() const {
    if (is_terminal_ && !is_quiet_) std::fputs("\r\033[K", stderr);
  }

 private:
  const bool is_quiet_;
  const bool is_terminal_ = ::isatty(STDERR_FILENO) != 0;
  steady_clock::time_point next_line_{};
  mapreduce::ProgressText text_;
};

class Program {
 public:
  Program(std::vector<std::string> command, const mapreduce::OwnFunctions& functions)
      : command_(std::move(command)), functions_(functions) {}

  int operator()(const Printed& printed) const {
    std::fputs(printed.text.c_str(), printed.exit_code == kExitOk ? stdout : stderr);
    return printed.exit_code;
  }

  int operator()(MapReduceRun run) const {
    ProgressDisplay display(run.is_quiet);
    mapreduce::Setting setting = setting_of(run.common, run.threads, run.memory_bytes, display);
    setting.on_progress = [&](const JobStatus& status) { display.show(status); };
    if (run.is_local) setting.nodes.clear();
    const size_t processes = run.is_local ? 1 : std::max<size_t>(1, run.workers);
    if (setting.threads == 0) setting.threads = std::max<size_t>(1, mapreduce::cores() / processes);
    run.spec.splits_multiple =
        static_cast<uint32_t>(std::min<size_t>(processes * setting.threads, mapreduce::kSplitsMax));
    if (run.job.empty()) run.job = new_name(run.spec.map);
    const Result<JobStatus> status =
        run.is_local ? mapreduce::run_local(setting, run.job, run.spec) : run_here(setting, run, display);
    display.clear();
    if (!status) return fail(status.error());
    if (!run.is_quiet) std::fputs(mapreduce::summary_text(run.job, *status).c_str(), stdout);
    if (run.is_quiet && status->record.state != JobState::kDone) display.say(status->record.reason);
    return status->record.state == JobState::kDone ? kExitOk : kExitFailed;
  }

  int operator()(const MapReduceWorker& worker) const {
    ProgressDisplay display(false);
    const mapreduce::Setting setting = setting_of(worker.common, worker.threads, worker.memory_bytes, display);
    if (worker.job.empty()) {
      const Status status = mapreduce::run_worker_of_all(setting);
      return status ? kExitOk : fail(status.error());
    }
    const mapreduce::WorkerId id = worker.id ? worker.id : mapreduce::WorkerId(mapreduce::random_number());
    const auto ended = mapreduce::run_worker(setting, worker.job, id);
    // Threads may be inside a map that never returns: nothing is left to be done that would need them to end.
    const int exit_code = ended ? kExitOk : fail(ended.error());
    std::fflush(nullptr);
    ::_exit(exit_code);
  }

  int operator()(const MapReduceJob& line) const {
    mapreduce::TorcStore store(mapreduce::TorcStore::Options{line.common.nodes, line.common.patience, {}});
    mapreduce::HostFiles files;
    mapreduce::Jobs jobs(store, files);
    Status status;
    switch (line.what) {
      case MapReduceJob::What::kList: {
        const auto all = jobs.list();
        if (!all) return fail(all.error());
        std::fputs(mapreduce::list_text(*all, mapreduce::unix_ms()).c_str(), stdout);
        return kExitOk;
      }
      case MapReduceJob::What::kStatus: {
        const Result<JobStatus> found = jobs.status(line.job);
        if (!found) return fail(found.error());
        std::fputs(mapreduce::status_text(line.job, *found).c_str(), stdout);
        return kExitOk;
      }
      case MapReduceJob::What::kCancel:
        status = jobs.cancel(line.job, mapreduce::unix_ms());
        break;
      case MapReduceJob::What::kRemove:
        status = jobs.remove(line.job, false);
        break;
    }
    return status ? kExitOk : fail(status.error());
  }

 private:
  mapreduce::Setting setting_of(const MapReduceCommon& common, size_t threads, uint64_t memory_bytes,
                                ProgressDisplay& display) const {
    mapreduce::Setting setting;
    setting.nodes = common.nodes;
    setting.patience = common.patience;
    setting.threads = threads;
    setting.memory_bytes = memory_bytes;
    setting.functions = functions_;
    setting.should_stop = [] { return stop_asked.load(); };
    setting.on_trouble = [&display](const std::string& what) {
      display.say(what.empty() ? "the store is back" : what);
    };
    return setting;
  }

  Result<JobStatus> run_here(const mapreduce::Setting& setting, const MapReduceRun& run,
                             ProgressDisplay& display) const {
    mapreduce::TorcStore store(mapreduce::TorcStore::Options{setting.nodes, setting.patience, setting.on_trouble});
    mapreduce::HostFiles files;
    mapreduce::Jobs jobs(store, files);
    const Status begun =
        run.is_resumed ? jobs.resume(run.job) : mapreduce::submit_job(setting, jobs, files, run.job, run.spec);
    if (!begun) return begun.error();
    if (!run.is_quiet) display.say("job " + run.job);
    std::vector<std::string> worker = command_;
    std::string nodes;
    for (const client::Endpoint& node : setting.nodes) nodes += (nodes.empty() ? "" : ",") + node.text();
    worker.insert(worker.end(),
                  {"worker", run.job, "--node", nodes, "--patience-ms", std::to_string(setting.patience.count()),
                   "--threads", std::to_string(setting.threads), "--memory", std::to_string(setting.memory_bytes)});
    return mapreduce::run_workers(setting, run.job, run.workers, worker);
  }

  /// The map's name as far as it can stand in one, and something that no other job has.
  static std::string new_name(const std::string& map) {
    std::string name;
    for (const char c : map.substr(0, map.find(' '))) {
      if (std::isalnum(static_cast<unsigned char>(c)) != 0) name.push_back(c);
    }
    constexpr size_t kNameMax = 20;
    return (name.empty() ? "job" : name.substr(0, kNameMax)) + "-" +
           mapreduce::to_hex(mapreduce::random_number() >> 32, 8);
  }

  static int fail(const Error& error) {
    std::fprintf(stderr, "torc mapreduce: %s\n", error.message.c_str());
    return error.code == ErrorCode::kUnavailable ? kExitUnreachable : kExitFailed;
  }

  const std::vector<std::string> command_;  // of this program, for the workers it starts
  const mapreduce::OwnFunctions& functions_;
};

}  // namespace

int run_mapreduce(int argc, const char* const* argv, const mapreduce::OwnFunctions& functions, int words) {
  std::error_code error;
  // Not argv[0]: that may be relative, or found along the PATH.
  std::vector<std::string> command = {std::filesystem::read_symlink("/proc/self/exe", error).string()};
  std::string program = std::filesystem::path(argv[0]).filename().string();
  for (int i = 1; i < words; ++i) {
    command.emplace_back(argv[i]);
    program += " " + command.back();
  }
  std::vector<std::string> own;
  for (const auto& [name, unused] : functions) own.push_back(name);
  MapReduceLine line = parse_mapreduce(program, argc - words + 1, argv + words - 1, own);
  listen_for_stops();
  return std::visit(Program(std::move(command), functions), std::move(line));
}

}  // namespace torc::cli
