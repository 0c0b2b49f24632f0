#include "mapreduce_fixture.h"

#include <signal.h>

#include <fstream>
#include <sstream>

namespace torc::integration {

MapReduceProcesses::~MapReduceProcesses() {
  // Workers outlive their runner: that is the point of them, but not here.
  for (const auto& runner : runners_) {
    if (!runner->is_running()) continue;
    const std::vector<pid_t> workers = workers_of(*runner);
    runner->kill_hard();
    for (const pid_t worker : workers) ::kill(worker, SIGKILL);
  }
}

std::vector<std::string> MapReduceProcesses::line(const std::vector<std::string>& words) const {
  std::string nodes;
  for (const Address& address : cluster_.addresses()) nodes += (nodes.empty() ? "" : ",") + address.text();
  std::vector<std::string> argv = {built_program("torc"), "mapreduce"};
  argv.insert(argv.end(), words.begin(), words.end());
  argv.insert(argv.end(), {"--node", nodes});
  return argv;
}

CommandResult MapReduceProcesses::run(const std::vector<std::string>& words) const {
  static int count = 0;
  return run_command(line(words), path("run-" + std::to_string(++count)), Millis(120'000));
}

Process& MapReduceProcesses::start(const std::vector<std::string>& words) {
  runners_.push_back(std::make_unique<Process>(line(words), path("runner-" + std::to_string(runners_.size()))));
  return *runners_.back();
}

std::vector<pid_t> MapReduceProcesses::workers_of(Process& runner) {
  const std::string pid = std::to_string(runner.pid());
  std::istringstream children(read_file("/proc/" + pid + "/task/" + pid + "/children"));
  std::vector<pid_t> all;
  for (pid_t child; children >> child;) all.push_back(child);
  return all;
}

void MapReduceProcesses::put_text(const std::string& name, size_t bytes) const {
  Prng prng(5);
  std::string text;
  while (text.size() < bytes) {
    for (uint64_t rest = prng.below(uint64_t{1} << (2 + prng.below(12))) + 1; rest > 0; rest /= 7) {
      text.push_back("aeionst"[rest % 7]);
    }
    text.push_back(prng.chance(1, 10) ? '\n' : ' ');
  }
  std::ofstream(path(name)) << text;
}

std::string MapReduceProcesses::outputs(const std::string& directory, int reduces) const {
  std::string all;
  for (int i = 0; i < reduces; ++i) {
    const std::string file = path(directory) + "/part-0000" + std::to_string(i);
    if (!std::ifstream(file)) return {};
    all += read_file(file) + "--\n";
  }
  return all;
}

std::string MapReduceProcesses::get(const std::string& key) {
  for (NodeNumber node = 1;; node = node % cluster_.size() + 1) {
    const std::optional<Reply> reply = cluster_.connect(node).call({"GET", key});
    if (reply && reply->kind != Reply::Kind::kError) return reply->text;
    sleep_for(Millis(50));
  }
}

std::vector<std::string> MapReduceProcesses::slow_count(const std::string& job, const std::string& output,
                                                        int workers) const {
  return {"run",
          "--name",
          job,
          "--map",
          "sleep 0.15; tr -cs 'a-z' '\\n' | sed 's/$/\\t1/'",
          "--reduce",
          "sum",
          "--inputs",
          path("text"),
          "--output",
          path(output),
          "--reduces",
          std::to_string(kReduces),
          "--workers",
          std::to_string(workers),
          "--threads",
          "1",
          "--split-size",
          "64K",
          "--lease-ms",
          "1000"};
}

}  // namespace torc::integration
