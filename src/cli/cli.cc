#include "cli/cli.h"

#include <cstdio>
#include <variant>

#include "cli/check_file.h"
#include "cli/cluster_report.h"
#include "cli/command_line.h"
#include "cli/data_command.h"
#include "cli/mapreduce_program.h"
#include "cli/playground.h"
#include "cli/status.h"

namespace torc::cli {
namespace {

struct Runner {
  const ServeFunction& serve;
  const SalvageFunction& salvage;

  int operator()(const Printed& printed) const {
    std::fputs(printed.text.c_str(), printed.exit_code == kExitOk ? stdout : stderr);
    return printed.exit_code;
  }
  int operator()(const ServeOptions& options) const { return serve(options); }
  int operator()(const PlaygroundOptions& options) const { return run_playground(options); }
  int operator()(const DataOptions& options) const { return run_data_command(options); }
  int operator()(const StatusOptions& options) const { return run_status(options); }
  int operator()(const ClusterOptions& options) const { return run_cluster(options); }
  int operator()(const CheckFile& file) const { return run_check(file); }
  int operator()(const SalvageOptions& options) const { return salvage(options); }
  int operator()(const MapReduceCommand& command) const {
    constexpr int kWords = 2;  // torc mapreduce
    return run_mapreduce(static_cast<int>(command.argv.size()), command.argv.data(), {}, kWords);
  }
};

}  // namespace

int run(int argc, const char* const* argv, const ServeFunction& serve, const SalvageFunction& salvage) {
  return std::visit(Runner{serve, salvage}, parse_command_line(argc, argv));
}

}  // namespace torc::cli
