// Jobs run by real processes of `torc mapreduce` on a real cluster, with inputs and outputs in the cluster's directory.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "cluster.h"

namespace torc::integration {

class MapReduceProcesses : public ::testing::Test {
 protected:
  ~MapReduceProcesses() override;

  /// `torc mapreduce` and these words, with the cluster's nodes.
  std::vector<std::string> line(const std::vector<std::string>& words) const;
  /// To its end. Fails the test if it does not end.
  CommandResult run(const std::vector<std::string>& words) const;
  /// In the background, workers and all; the job's name in `words` is `job`.
  Process& start(const std::vector<std::string>& words);
  /// The worker processes that a `run` has started and that live.
  static std::vector<pid_t> workers_of(Process& runner);
  std::string path(const std::string& name) const { return cluster_.directory() + "/" + name; }
  /// Random text of words, so many bytes and a little more.
  void put_text(const std::string& name, size_t bytes) const;
  /// All outputs of a job in `directory`, one behind the other; empty if one is missing.
  std::string outputs(const std::string& directory, int reduces) const;
  std::string get(const std::string& key);

  /// What the tests run: slow maps, so that there is time to kill them.
  std::vector<std::string> slow_count(const std::string& job, const std::string& output, int workers) const;
  static constexpr int kReduces = 3;

  Prng prng_{20'261'121};
  Cluster cluster_;
  std::vector<std::unique_ptr<Process>> runners_;
};

}  // namespace torc::integration
