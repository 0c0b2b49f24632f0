#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <optional>
#include <sstream>
#include <utility>

#include "cli/memory_size.h"

namespace torc::cli {
namespace {

constexpr const char* kExitCodes = R"(Exit status:
  0  done
  1  answered "no": the key is absent, cas did not match; salvage: something is missing
  2  the command line or the input file cannot be used
  3  check: the history is not linearizable
  4  no node could be reached in time; nothing was changed
  5  unknown outcome: the change may have happened, or may still happen
  6  the server or the operating system refused
  7  check: gave up)";

constexpr const char* kFirstSteps = R"(First steps:
  torc playground            three nodes on this machine, until Ctrl-C
  torc set greeting hello    in another terminal
  torc get greeting          or redis-cli -p 7002 get greeting
A value that begins with a dash goes behind two dashes: torc set key -- -value

)";

/// Turns a parser's error into the message that CLI11 prints beside the option's name.
template <typename T, typename Parse>
CLI::Option* add_parsed(CLI::App* app, const std::string& name, T& target, Parse parse, const std::string& help) {
  return app
      ->add_option_function<std::string>(
          name,
          [&target, parse, name](const std::string& text) {
            auto parsed = parse(text);
            if (!parsed.ok()) throw CLI::ValidationError(name, parsed.error().message);
            target = std::move(parsed).value();
          },
          help)
      ->required();
}

CLI::Option* add_ms(CLI::App* app, const std::string& name, std::chrono::milliseconds& target, uint32_t max_ms,
                    const std::string& help) {
  return app
      ->add_option_function<uint32_t>(
          name, [&target](uint32_t ms) { target = std::chrono::milliseconds(ms); }, help)
      ->check(CLI::Range(uint32_t{1}, max_ms))
      ->type_name("MS")
      ->default_str(std::to_string(target.count()));
}

void add_optional(CLI::App* app, const std::string& name, std::optional<client::Endpoint>& target,
                  const std::string& help) {
  add_parsed(app, name, target, client::parse_endpoint, help)->required(false)->type_name("HOST:PORT");
}

void add_arcs(CLI::App* app, uint32_t& arcs) {
  add_parsed(
      app, "--arcs", arcs, parse_arcs,
      "cut the slots into so many arcs, each with a leader of its own: a power of two; the same on every node, for "
      "the life of the cluster")
      ->required(false)
      ->type_name("N")
      ->default_str("1");
}

void add_nodes(CLI::App* app, std::vector<client::Endpoint>& nodes) {
  nodes = client::parse_endpoints(kDefaultNodes).value();
  add_parsed(app, "--node", nodes, client::parse_endpoints, "nodes to ask, any of them will do")
      ->required(false)
      ->type_name("HOST:PORT,...")
      ->default_str(kDefaultNodes);
}

CLI::App* add_serve(CLI::App& app, ServeOptions& options) {
  CLI::App* serve = app.add_subcommand("serve", "Run one node of a cluster");
  serve
      ->add_option_function<uint64_t>(
          "--id", [&options](uint64_t id) { options.id = NodeId(id); }, "this node's number in --initial-cluster")
      ->required()
      ->check(CLI::Range(uint64_t{1}, UINT64_MAX));
  serve->add_option("--data", options.data_directory, "directory of this node's log and checkpoints, made if absent")
      ->required()
      ->type_name("DIR");
  add_parsed(serve, "--listen", options.listen, client::parse_endpoint, "where clients connect")
      ->type_name("HOST:PORT");
  add_parsed(serve, "--initial-cluster", options.initial_cluster, parse_initial_cluster,
             "every node's id and address for its peers, the same on every node")
      ->type_name("1=HOST:PORT,...");
  add_parsed(serve, "--peer-listen", options.peer_listen, client::parse_endpoint,
             "where the other nodes connect; by default this node's address in --initial-cluster")
      ->required(false)
      ->type_name("HOST:PORT");
  add_optional(serve, "--announce", options.announce,
               "where clients are told to find --listen; by default its own address, or with 0.0.0.0 the host of this "
               "node in --initial-cluster");
  add_optional(serve, "--cluster-listen", options.cluster_listen,
               "where clients of Redis Cluster connect, who know which node serves which slots; by default nowhere");
  add_optional(serve, "--cluster-announce", options.cluster_announce,
               "where clients are told to find --cluster-listen; by default as for --announce");
  add_arcs(serve, options.arcs);
  add_ms(serve, "--election-timeout-ms", options.election_timeout, kElectionTimeoutMsMax,
         "without a leader for this long, look for a new one");
  add_ms(serve, "--heartbeat-ms", options.heartbeat, kElectionTimeoutMsMax, "a leader speaks up this often");
  add_ms(serve, "--command-timeout-ms", options.command_timeout, kTimeoutMsMax,
         "a command not decided by then is answered with an error");
  serve->add_option("--checkpoint-mib", options.checkpoint_mib, "write a checkpoint after this much log")
      ->check(CLI::Range(uint64_t{1}, kCheckpointMibMax))
      ->type_name("MIB")
      ->capture_default_str();
  serve
      ->add_option("--log-tail-mib", options.log_tail_mib,
                   "keep this much log behind a checkpoint; a node that lags further is sent a snapshot")
      ->check(CLI::Range(uint64_t{1}, kCheckpointMibMax))
      ->type_name("MIB")
      ->capture_default_str();
  serve
      ->add_option_function<std::string>(
          "--max-memory",
          [&options](const std::string& text) {
            const auto parsed = parse_memory_size(text);
            if (!parsed.ok()) throw CLI::ValidationError("--max-memory", parsed.error().message);
            options.max_memory = *parsed;
          },
          "beyond this, commands that may make the data larger are refused; bytes, or with a unit as 100mb or 2gb; 0 "
          "for "
          "no limit")
      ->type_name("SIZE")
      ->default_str("75 % of the machine's or the control group's memory");
  serve
      ->add_option_function<uint32_t>(
          "--client-idle-timeout",
          [&options](uint32_t seconds) { options.client_idle_timeout = std::chrono::seconds(seconds); },
          "close clients that say nothing for this long; 0 for never")
      ->check(CLI::Range(uint32_t{0}, kIdleSecondsMax))
      ->type_name("SECONDS")
      ->default_str("0");
  serve
      ->add_option("--max-command-keys", options.command_keys_max,
                   "refuse commands with more keys than this: others wait until all of them are set, read or deleted")
      ->check(CLI::Range(uint32_t{1}, kCommandKeysMax))
      ->type_name("N")
      ->capture_default_str();
  serve->add_option("--log-level", options.log_level, "what to write to standard error")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}))
      ->type_name("LEVEL")
      ->capture_default_str();
  return serve;
}

CLI::App* add_playground(CLI::App& app, PlaygroundOptions& options) {
  CLI::App* playground =
      app.add_subcommand("playground", "Run a whole cluster on this machine and watch it, until Ctrl-C");
  playground->add_option("--nodes", options.nodes, "how many")
      ->check(CLI::Range(size_t{1}, kClusterNodesMax))
      ->capture_default_str();
  playground
      ->add_option("--dir", options.directory,
                   "the nodes' data and logs; data found there is used again. By default torc/playground-N under "
                   "$XDG_STATE_HOME or ~/.local/state")
      ->type_name("DIR");
  playground
      ->add_option(
          "--base-port", options.base_port,
          "node 1 serves clients here, node 2 on the next port, ...; clients of Redis Cluster 100 ports higher")
      ->check(CLI::Range(1, 65535 - kPeerPortOffset - static_cast<int>(kClusterNodesMax)))
      ->type_name("PORT")
      ->capture_default_str();
  add_arcs(playground, options.arcs);
  playground->add_flag("--fresh", options.is_fresh, "remove the data and logs found there, and start from nothing");
  return playground;
}

/// A subcommand with a row of positional arguments, each of them a word of the command.
struct DataCommand {
  const char* name;
  const char* summary;
  std::vector<std::pair<const char*, const char*>> words;  // name, help
};

const std::vector<DataCommand>& data_commands() {
  static const std::vector<DataCommand> commands = {
      {"get", "Print a key's value", {{"key", "the key"}}},
      {"set", "Give a key a value", {{"key", "the key"}, {"value", "its new value"}}},
      {"del", "Delete a key; prints how many there were", {{"key", "the key"}}},
      {"append", "Append to a key's value; prints the new length", {{"key", "the key"}, {"value", "what to append"}}},
      {"incr", "Add to the number a key holds; prints the new one", {{"key", "the key"}}},
      {"cas",
       "Compare and set: prints 1 if the value was EXPECTED and is now NEW, else 0",
       {{"key", "the key"}, {"expected", "the value it must have"}, {"new", "the value it gets"}}},
      {"ttl", "Print a key's remaining seconds; -1 without a limit, -2 if absent", {{"key", "the key"}}},
  };
  return commands;
}

class Parser {
 public:
  Parser()
      : app_("A Redis-compatible store that never loses an acknowledged write and never shows a stale read.", "torc") {
    app_.set_version_flag("--version", std::string("torc ") + kVersion);
    app_.require_subcommand(1);
    serve_app_ = add_serve(app_, serve_);
    playground_app_ = add_playground(app_, playground_);
    status_app_ = app_.add_subcommand("status", "Show the nodes of a cluster: role, term, commit index");
    add_nodes(status_app_, status_.nodes);
    add_ms(status_app_, "--timeout-ms", status_.timeout, kTimeoutMsMax, "wait this long for each node");
    add_cluster();
    words_.resize(data_commands().size());
    for (size_t i = 0; i < data_commands().size(); ++i) add_data(i);
    check_app_ = app_.add_subcommand("check", "Is a recorded history linearizable?");
    check_app_->add_option("history", check_.path, "one JSON object per line; - for standard input")
        ->required()
        ->type_name("HISTORY.jsonl");
    salvage_app_ = app_.add_subcommand(
        "salvage", "Read what is left of damaged data directories, when no cluster starts from them any more");
    salvage_app_
        ->add_option("--data", salvage_.directories,
                     "the directory of a node that does not run, or a damaged-N of one; once for each")
        ->required()
        ->type_name("DIR")
        ->allow_extra_args(false);
    salvage_app_->add_option("--out", salvage_.out, "where to write the keys, as commands for redis-cli --pipe")
        ->required()
        ->type_name("FILE");
    app_.add_subcommand("mapreduce", "Run MapReduce jobs on this machine and others; see torc mapreduce --help");
    app_.footer(std::string("\n") + kFirstSteps + kExitCodes);  // last: commands inherit what is there before them
  }

  CommandLine parse(int argc, const char* const* argv) {
    const auto is_named = [&](const CLI::App* command) { return command->get_name() == argv[1]; };
    if (argc > 1 && argv[1][0] != '-' && app_.get_subcommands(is_named).empty()) {
      return Printed{std::string("torc: there is no command \"") + argv[1] + "\"; see torc --help\n", kExitUsage};
    }
    if (argc > 1 && std::string_view(argv[1]) == "mapreduce") return MapReduceCommand{{argv, argv + argc}};
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
    if (serve_app_->parsed()) return finish_serve();
    if (playground_app_->parsed()) return playground_;
    if (status_app_->parsed()) return status_;
    for (CLI::App* app : {arcs_app_, nodes_app_}) {
      if (!app->parsed()) continue;
      cluster_.what = app == arcs_app_ ? ClusterOptions::What::kArcs : ClusterOptions::What::kNodes;
      return cluster_;
    }
    if (check_app_->parsed()) return check_;
    if (salvage_app_->parsed()) return salvage_;
    for (size_t i = 0; i < data_apps_.size(); ++i) {
      if (data_apps_[i]->parsed()) return finish_data(i);
    }
    return Printed{app_.help(), kExitUsage};
  }

 private:
  void add_cluster() {
    CLI::App* cluster = app_.add_subcommand("cluster", "Show who serves which slots");
    cluster->require_subcommand(1);
    arcs_app_ = cluster->add_subcommand("arcs", "The arcs with their leaders, as one node knows them");
    nodes_app_ = cluster->add_subcommand("nodes", "The nodes with the slots they lead, as one of them knows it");
    for (CLI::App* app : {arcs_app_, nodes_app_}) {
      add_nodes(app, cluster_.nodes);
      add_ms(app, "--timeout-ms", cluster_.timeout, kTimeoutMsMax, "wait this long for each node");
      app->add_flag("--json", cluster_.as_json, "print an array of objects");
    }
  }

  void add_data(size_t index) {
    const DataCommand& command = data_commands()[index];
    CLI::App* app = app_.add_subcommand(command.name, command.summary);
    words_[index].resize(command.words.size());
    for (size_t i = 0; i < command.words.size(); ++i) {
      app->add_option(command.words[i].first, words_[index][i], command.words[i].second)->required();
    }
    if (std::string_view(command.name) == "incr") app->add_option("--by", by_, "how much")->capture_default_str();
    add_nodes(app, data_.nodes);
    add_ms(app, "--timeout-ms", data_.timeout, kTimeoutMsMax, "give up after this long, retries included");
    data_apps_.push_back(app);
  }

  CommandLine finish_data(size_t index) {
    std::string name = data_commands()[index].name;
    if (name == "incr") {
      name = "incrby";
      words_[index].push_back(std::to_string(by_));
    }
    for (char& c : name) c = static_cast<char>(c - 'a' + 'A');
    data_.command = {name};
    data_.command.insert(data_.command.end(), words_[index].begin(), words_[index].end());
    return data_;
  }

  CommandLine finish_serve() {
    const auto own = serve_.initial_cluster.find(serve_.id);
    if (serve_app_->count("--peer-listen") == 0 && own != serve_.initial_cluster.end()) {
      serve_.peer_listen = own->second;
    }
    if (Status status = validate(serve_); !status.ok()) {
      return Printed{"torc serve: " + status.error().message + "\n", kExitUsage};
    }
    return serve_;
  }

  CLI::App app_;
  CLI::App* serve_app_ = nullptr;
  CLI::App* playground_app_ = nullptr;
  CLI::App* status_app_ = nullptr;
  CLI::App* arcs_app_ = nullptr;
  CLI::App* nodes_app_ = nullptr;
  CLI::App* check_app_ = nullptr;
  CLI::App* salvage_app_ = nullptr;
  std::vector<CLI::App*> data_apps_;
  std::vector<std::vector<std::string>> words_;  // by data command
  int64_t by_ = 1;
  ServeOptions serve_;
  PlaygroundOptions playground_;
  StatusOptions status_;
  ClusterOptions cluster_;
  DataOptions data_;
  CheckFile check_;
  SalvageOptions salvage_;
};

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) { return Parser().parse(argc, argv); }

}  // namespace torc::cli
