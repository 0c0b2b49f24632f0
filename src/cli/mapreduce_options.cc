#include "cli/mapreduce_options.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <sstream>
#include <utility>

#include "mapreduce/builtin.h"
#include "mapreduce/fields.h"
#include "mapreduce/run.h"
#include "mapreduce/store_functions.h"

namespace torc::cli {
namespace {

using mapreduce::JobSpec;

constexpr uint64_t kSplitBytes = uint64_t{64} << 20;
constexpr size_t kThreadsMax = 1'024;
constexpr size_t kWorkersMax = 1'024;

std::string functions_help(const std::vector<std::string>& own) {
  std::string text = "\nMaps and reduces:\n";
  const auto line = [&](std::string_view name, std::string_view summary) {
    text += "  " + std::string(name) + std::string(name.size() < 10 ? 10 - name.size() : 1, ' ') +
            std::string(summary) + "\n";
  };
  for (const std::string& name : own) line(name, "this program's own");
  for (const mapreduce::Builtin& builtin : mapreduce::builtins()) line(builtin.name, builtin.summary);
  for (const mapreduce::Builtin& builtin : mapreduce::store_builtins()) line(builtin.name, builtin.summary);
  return text +
         "Anything else is a command for the shell: a map gets lines and writes lines `key<TAB>value`, a reduce gets "
         "those\n"
         "in the order of their keys, and what it writes is the output.\n\n"
         "Exit status: 0 done, 2 the command line cannot be used, 4 the store is away or the run was stopped (resume "
         "goes\n"
         "on), 6 the job failed or was cancelled.\n";
}

/// An option whose text becomes something else, or an error that names it.
template <typename Set>
CLI::Option* add_text(CLI::App* app, const std::string& name, Set set, const std::string& help) {
  return app->add_option_function<std::string>(
      name,
      [set, name](const std::string& text) {
        if (const Status status = set(text); !status) throw CLI::ValidationError(name, status.error().message);
      },
      help);
}

CLI::Option* add_size(CLI::App* app, const std::string& name, uint64_t& target, const std::string& help) {
  return add_text(
             app, name,
             [&target](const std::string& text) -> Status {
               const Result<uint64_t> size = parse_size(text);
               if (!size) return size.error();
               target = *size;
               return {};
             },
             help)
      ->type_name("SIZE");
}

class MapReduceParser {
 public:
  MapReduceParser(const std::string& program, const std::vector<std::string>& own)
      : app_("MapReduce whose master cannot die: the state of a job is in Torc.", program) {
    app_.require_subcommand(1);
    run_.spec.split_bytes = kSplitBytes;
    run_.memory_bytes = worker_.memory_bytes = mapreduce::Setting{}.memory_bytes;
    add_run();
    worker_app_ = app_.add_subcommand("worker", "Take part in a job, or in every job that runs, as one process");
    worker_app_->add_option("job", worker_.job, "until this one ends; by default all of them, until stopped");
    add_text(
        worker_app_, "--id",
        [this](const std::string& text) -> Status {
          const auto id = mapreduce::parse_hex(text, 16);
          if (!id || *id == 0) return Error{ErrorCode::kInvalid, "16 hexadecimal digits"};
          worker_.id = mapreduce::WorkerId(*id);
          return {};
        },
        "of this worker's life; by default random")
        ->type_name("HEX");
    add_nodes(worker_app_, worker_.common);
    add_power(worker_app_, worker_.threads, worker_.memory_bytes);
    resume_app_ = app_.add_subcommand("resume", "Go on with a job that failed, was cancelled, or lost all its workers");
    resume_app_->add_option("job", run_.job, "which")->required();
    add_workers(resume_app_);
    add_job("list", "Show all jobs", MapReduceJob::What::kList);
    add_job("status", "Show how far a job is", MapReduceJob::What::kStatus);
    add_job("cancel", "Stop a job; it can be resumed", MapReduceJob::What::kCancel);
    add_job("remove", "Forget a job that has ended, and its unpublished files", MapReduceJob::What::kRemove);
    app_.footer(functions_help(own));
  }

  MapReduceLine parse(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      std::ostringstream out;
      std::ostringstream err;
      const int status = app_.exit(error, out, err);
      std::string text = out.str() + err.str();
      if (!text.ends_with('\n')) text += '\n';
      return Printed{std::move(text), status == 0 ? kExitOk : kExitUsage};
    }
    if (run_app_->parsed()) return finish_run();
    if (resume_app_->parsed()) {
      run_.is_resumed = true;
      return run_;
    }
    if (worker_app_->parsed()) return worker_;
    for (const auto& [app, what] : job_apps_) {
      if (app->parsed()) {
        job_.what = what;
        return job_;
      }
    }
    return Printed{app_.help(), kExitUsage};
  }

 private:
  void add_nodes(CLI::App* app, MapReduceCommon& common) {
    common.nodes = client::parse_endpoints(kDefaultNodes).value();
    add_text(
        app, "--node",
        [&common](const std::string& text) -> Status {
          auto nodes = client::parse_endpoints(text);
          if (!nodes) return nodes.error();
          common.nodes = std::move(nodes).value();
          return {};
        },
        "nodes of the cluster, any of them will do")
        ->type_name("HOST:PORT,...")
        ->default_str(kDefaultNodes);
    app->add_option_function<uint64_t>(
           "--patience-ms", [&common](uint64_t ms) { common.patience = std::chrono::milliseconds(ms); },
           "wait this long for a cluster that is away")
        ->check(CLI::Range(uint64_t{1}, uint64_t{86'400'000}))
        ->type_name("MS")
        ->default_str(std::to_string(common.patience.count()));
  }

  void add_power(CLI::App* app, size_t& threads, uint64_t& memory_bytes) {
    app->add_option("--threads", threads, "of each worker; by default the cores, shared between them")
        ->check(CLI::Range(size_t{1}, kThreadsMax));
    add_size(app, "--memory", memory_bytes, "of each worker, all its threads together; by default 512M");
  }

  void add_workers(CLI::App* app) {
    app->add_option("--workers", run_.workers, "processes to start here; 0: only watch, others do the work")
        ->check(CLI::Range(size_t{0}, kWorkersMax))
        ->default_str("1");
    add_nodes(app, run_.common);
    add_power(app, run_.threads, run_.memory_bytes);
    app->add_flag("--quiet", run_.is_quiet, "no progress and no summary");
    run_.workers = 1;
  }

  void add_run() {
    JobSpec& spec = run_.spec;
    run_app_ = app_.add_subcommand("run", "Run a job: start workers, show progress, end with a summary");
    run_app_->add_option("--map", spec.map, "what is called for each record")->required()->type_name("NAME|COMMAND");
    run_app_->add_option("--reduce", spec.reduce, "what is called for each key")->required()->type_name("NAME|COMMAND");
    run_app_
        ->add_option("--inputs", spec.inputs,
                     "files, patterns, directories, - for standard input, torc:PREFIX for keys")
        ->required()
        ->type_name("INPUT");
    run_app_->add_option("--output", spec.output, "directory for part-00000, ...; made if absent")
        ->required()
        ->type_name("DIR");
    run_app_->add_option("--reduces", spec.reduces, "output files")
        ->check(CLI::Range(1u, mapreduce::kReducesMax))
        ->capture_default_str();
    run_app_->add_option("--name", run_.job, "of the job; by default one is made from the map's")->type_name("JOB");
    run_app_->add_flag("--local", run_.is_local, "in this process alone, without a server");
    add_workers(run_app_);
    add_size(run_app_, "--split-size", spec.split_bytes,
             "inputs are cut into pieces of about this size; by default 64M");
    run_app_
        ->add_option("--skip-bad-records", spec.skip_bad_records,
                     "go on without so many records that the map cannot take")
        ->type_name("N")
        ->capture_default_str();
    run_app_
        ->add_option("--record-timeout-ms", spec.record_timeout_ms,
                     "a map that stays in a record longer cannot take it")
        ->check(CLI::Range(uint64_t{1}, uint64_t{86'400'000}))
        ->type_name("MS")
        ->capture_default_str();
    run_app_->add_option("--lease-ms", spec.lease_ms, "a worker that is silent for so long loses its tasks")
        ->check(CLI::Range(uint64_t{200}, uint64_t{3'600'000}))
        ->type_name("MS")
        ->capture_default_str();
    run_app_->add_flag("!--no-backups", spec.has_backups, "never two attempts at a task on purpose");
    run_app_->add_option("--pattern", pattern_, "of grep: a regular expression")->type_name("REGEX");
  }

  void add_job(const char* name, const char* summary, MapReduceJob::What what) {
    CLI::App* app = app_.add_subcommand(name, summary);
    if (what != MapReduceJob::What::kList) app->add_option("job", job_.job, "which")->required();
    add_nodes(app, job_.common);
    job_apps_.emplace_back(app, what);
  }

  MapReduceLine finish_run() {
    JobSpec& spec = run_.spec;
    spec.directory = std::filesystem::current_path().string();
    spec.output = std::filesystem::absolute(spec.output).lexically_normal().string();
    while (spec.output.size() > 1 && spec.output.ends_with('/')) spec.output.pop_back();
    if (run_app_->count("--pattern") > 0) spec.arguments["pattern"] = pattern_;
    // Two attempts that write keys would wait for each other.
    if (spec.reduce == "load") spec.has_backups = false;
    if (run_.is_local && run_app_->count("--node") + run_app_->count("--workers") > 0) {
      return Printed{"torc mapreduce run: --local takes neither --node nor --workers\n", kExitUsage};
    }
    if (spec.split_bytes == 0) return Printed{"torc mapreduce run: --split-size must not be 0\n", kExitUsage};
    return run_;
  }

  CLI::App app_;
  CLI::App* run_app_ = nullptr;
  CLI::App* worker_app_ = nullptr;
  CLI::App* resume_app_ = nullptr;
  std::vector<std::pair<CLI::App*, MapReduceJob::What>> job_apps_;
  MapReduceRun run_;
  MapReduceWorker worker_;
  MapReduceJob job_;
  std::string pattern_;
};

}  // namespace

Result<uint64_t> parse_size(std::string_view text) {
  uint64_t unit = 1;
  if (!text.empty()) {
    const size_t shift = text.back() == 'K' ? 10 : text.back() == 'M' ? 20 : text.back() == 'G' ? 30 : 0;
    unit = uint64_t{1} << shift;
    if (shift > 0) text.remove_suffix(1);
  }
  const std::optional<uint64_t> number = mapreduce::parse_number(text);
  if (!number || *number > (UINT64_MAX >> 1) / unit) {
    return Error{ErrorCode::kInvalid, "a size is a whole number, with K, M or G behind it if need be"};
  }
  return *number * unit;
}

MapReduceLine parse_mapreduce(const std::string& program, int argc, const char* const* argv,
                              const std::vector<std::string>& own) {
  return MapReduceParser(program, own).parse(argc, argv);
}

}  // namespace torc::cli
