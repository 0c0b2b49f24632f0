// Test support: the jobs of MIT 6.824's first lab, with workers that are threads of the test and die when they are told
// to.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <latch>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "mapreduce/drive.h"
#include "mapreduce/host_files.h"
#include "mapreduce/jobs.h"
#include "mapreduce/local_store.h"
#include "mapreduce/thread_executor.h"
#include "mapreduce/worker.h"

namespace torc::mapreduce {

/// A directory of one test, with its inputs and outputs.
class LabDirectory {
 public:
  LabDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "torc-lab-XXXXXX").string();
    CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~LabDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string in() const { return path_ + "/in"; }
  std::string out() const { return path_ + "/out"; }
  void put(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(in());
    std::ofstream(in() + "/" + name) << content;
  }
  std::string part(uint32_t partition) const {
    JobRecord record;
    record.spec.output = out();
    std::ifstream file(record.output_path(partition));
    std::ostringstream content;
    content << file.rdbuf();
    return content.str();
  }
  /// The lines of all outputs, in the order of their bytes.
  std::vector<std::string> lines(uint32_t reduces) const {
    std::vector<std::string> all;
    for (uint32_t partition = 0; partition < reduces; ++partition) {
      std::istringstream content(part(partition));
      for (std::string line; std::getline(content, line);) all.push_back(line);
    }
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  std::string path_;
};

/// Its thread turns a worker until the job is over, or until it has claimed so many tasks: then it dies in the middle
/// of the last one and says nothing to anybody. `others`: those it begins together with.
class LabWorker {
 public:
  static constexpr uint64_t kImmortal = UINT64_MAX;

  LabWorker(LocalStore& store, std::shared_ptr<FileSystem> files, const std::string& job, Functions functions,
            uint64_t dies_after = kImmortal, std::latch* others = nullptr)
      : thread_([this, &store, files = std::move(files), job, functions = std::move(functions), dies_after, others] {
          ThreadExecutor executor(files, [functions](const JobRecord&) { return functions; }, {});
          Worker worker(WorkerId(random_number()), job, store, *files, executor, unix_ms);
          if (others != nullptr) others->arrive_and_wait();
          while (worker.counts().claimed < dies_after) {
            const auto since = std::chrono::steady_clock::now().time_since_epoch();
            const Result<Worker::Turn> turn = worker.turn(
                static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since).count()));
            if (!turn || turn->is_over) {
              has_seen_end_ = turn.ok();
              break;
            }
            executor.wait(std::chrono::milliseconds(turn->wait_ms));
          }
          completed_ = worker.counts().completed;
        }) {}
  ~LabWorker() { join(); }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  /// After join().
  bool has_seen_end() const { return has_seen_end_; }
  uint64_t completed() const { return completed_; }

 private:
  std::atomic<bool> has_seen_end_ = false;
  std::atomic<uint64_t> completed_ = 0;
  std::thread thread_;  // last: it uses the others
};

}  // namespace torc::mapreduce
