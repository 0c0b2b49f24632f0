// The command line of `torc` as a value: what was asked for, or what to print instead.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "cli/exit_code.h"
#include "cli/serve_options.h"
#include "client/endpoint.h"

namespace torc::cli {

constexpr const char* kVersion = "0.1.0";
constexpr const char* kDefaultNodes = "127.0.0.1:7001,7002,7003";  // those of `torc playground`
constexpr uint16_t kPlaygroundBasePort = 7001;
constexpr uint16_t kClusterPortOffset = 100;  // a playground node's cluster door is this much higher
constexpr uint16_t kPeerPortOffset = 10'000;  // a playground node's port for its peers is this much higher
constexpr uint32_t kTimeoutMsMax = 3'600'000;

struct PlaygroundOptions {
  size_t nodes = 3;
  std::string directory;  // empty: the default one
  uint16_t base_port = kPlaygroundBasePort;
  bool is_fresh = false;  // what the nodes there have is removed first
  uint32_t arcs = 1;      // a power of two
};

struct DataOptions {
  std::vector<client::Endpoint> nodes;
  std::chrono::milliseconds timeout{5'000};
  std::vector<std::string> command;  // as a server takes it, the name in upper case
};

struct StatusOptions {
  std::vector<client::Endpoint> nodes;
  std::chrono::milliseconds timeout{1'000};  // per node
};

/// `torc cluster arcs`, `torc cluster nodes`.
struct ClusterOptions {
  enum class What { kArcs, kNodes };
  What what = What::kArcs;
  std::vector<client::Endpoint> nodes;       // the first that answers is asked
  std::chrono::milliseconds timeout{1'000};  // per node
  bool as_json = false;
};

struct CheckFile {
  std::string path;  // "-": standard input
};

struct SalvageOptions {
  std::vector<std::string> directories;
  std::string out;
};

/// `torc mapreduce ...`: has a command line of its own (cli/mapreduce_options.h).
struct MapReduceCommand {
  std::vector<const char*> argv;
};

/// Help, the version, or what is wrong with the command line (kExitUsage: belongs on standard error).
struct Printed {
  std::string text;
  ExitCode exit_code = kExitOk;
};

using CommandLine = std::variant<Printed, ServeOptions, PlaygroundOptions, DataOptions, StatusOptions, ClusterOptions,
                                 CheckFile, MapReduceCommand, SalvageOptions>;

CommandLine parse_command_line(int argc, const char* const* argv);

}  // namespace torc::cli
