// MIT 6.824, lab 1, by the names of its tests. docs/testing.md says where the set-up differs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <list>
#include <map>
#include <set>

#include "base/prng.h"
#include "mapreduce/builtin.h"
#include "mapreduce/lab_harness.h"
#include "mapreduce/partition.h"
#include "mapreduce/run.h"

namespace torc::mapreduce {
namespace {

constexpr int kNumbers = 100'000;
constexpr uint32_t kMaps = 100;
constexpr uint32_t kReduces = 50;
constexpr uint64_t kTasksOfMortals = 10;

/// The lab's: every word with an empty value; nothing becomes of the values.
Functions lab_functions() {
  Functions functions;
  functions.map = [](const Record& record, Emitter& out) {
    std::istringstream words{std::string(record.text)};
    for (std::string word; words >> word;) out.emit(word, "");
  };
  functions.reduce = [](std::string_view key, Values&, Emitter& out) { out.emit(key, ""); };
  return functions;
}

class MapReduceLab : public ::testing::Test {
 protected:
  void put_numbers(uint32_t files) {
    for (uint32_t file = 0; file < files; ++file) {
      std::string text;
      for (uint32_t i = kNumbers / files * file; i < kNumbers / files * (file + 1); ++i)
        text += std::to_string(i) + "\n";
      directory_.put("824-mrinput-" + std::to_string(100 + file) + ".txt", text);
    }
  }
  JobSpec spec(uint32_t reduces) const {
    JobSpec spec;
    spec.map = spec.reduce = "lab";
    spec.directory = directory_.in();
    spec.inputs = {directory_.in()};
    spec.output = directory_.out();
    spec.reduces = reduces;
    spec.split_bytes = 64u << 20;
    spec.lease_ms = 300;
    spec.is_synced = false;  // no power is cut here
    return spec;
  }
  void run_sequentially(uint32_t maps, uint32_t reduces) {
    put_numbers(maps);
    Setting setting;
    setting.threads = 1;
    setting.functions["lab"] = lab_functions();
    const Result<JobStatus> status = run_local(setting, "sequential", spec(reduces));
    ASSERT_TRUE(status.ok()) << status.error().message;
    EXPECT_EQ(status->maps.tasks, maps);
    check_numbers(reduces);
  }
  void submit() {
    put_numbers(kMaps);
    ASSERT_TRUE(jobs_.submit("lab", spec(kReduces), random_number(), unix_ms()).ok());
  }
  LabWorker& start(uint64_t dies_after = LabWorker::kImmortal, std::latch* others = nullptr) {
    workers_.emplace_back(store_, files_, "lab", lab_functions(), dies_after, others);
    return workers_.back();
  }
  void check_done() {
    const Result<JobStatus> status = jobs_.status("lab");
    ASSERT_TRUE(status.ok());
    ASSERT_EQ(status->record.state, JobState::kDone) << status->record.reason;
    EXPECT_EQ(status->maps.tasks, kMaps);
    EXPECT_EQ(status->record.counters.at("records"), uint64_t{kNumbers});
    check_numbers(kReduces);
  }
  /// Exactly the numbers of the input, "key: value" each, in the order of their text.
  void check_numbers(uint32_t reduces) {
    std::vector<std::string> expected;
    for (int i = 0; i < kNumbers; ++i) expected.push_back(std::to_string(i) + ": ");
    std::sort(expected.begin(), expected.end());
    const std::vector<std::string> lines = directory_.lines(reduces);
    ASSERT_EQ(lines.size(), expected.size());
    EXPECT_TRUE(lines == expected);
  }

  LabDirectory directory_;
  LocalStore store_;
  std::shared_ptr<HostFiles> files_ = std::make_shared<HostFiles>();
  Jobs jobs_{store_, *files_};
  std::list<LabWorker> workers_;
};

TEST_F(MapReduceLab, SequentialSingle) { run_sequentially(1, 1); }

TEST_F(MapReduceLab, SequentialMany) { run_sequentially(5, 3); }

TEST_F(MapReduceLab, Basic) {
  submit();
  std::latch both(2);  // on a busy machine one could be done with everything before the other has begun
  start(LabWorker::kImmortal, &both);
  start(LabWorker::kImmortal, &both);
  for (LabWorker& worker : workers_) {
    worker.join();
    EXPECT_TRUE(worker.has_seen_end());
    EXPECT_GE(worker.completed(), 1u);
  }
  check_done();
}

TEST_F(MapReduceLab, OneFailure) {
  submit();
  LabWorker& mortal = start(kTasksOfMortals);
  // On a busy machine the other one could be done with everything before this one has had ten tasks.
  while (jobs_.status("lab")->maps.done < kTasksOfMortals - 2)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  LabWorker& survivor = start();
  survivor.join();
  mortal.join();
  EXPECT_FALSE(mortal.has_seen_end());
  EXPECT_TRUE(survivor.has_seen_end());
  EXPECT_GE(survivor.completed(), 1u);
  check_done();
}

/// The lab starts two workers each second; here they come ten times as often, so that the test is over soon.
TEST_F(MapReduceLab, ManyFailures) {
  submit();
  constexpr int kPairsMax = 600;
  for (int pair = 0; pair < kPairsMax && !jobs_.find("lab")->is_ended(); ++pair) {
    start(kTasksOfMortals);
    start(kTasksOfMortals);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  workers_.clear();
  check_done();
}

TEST_F(MapReduceLab, PartitionsAreThoseOfTheLab) {
  // FNV-1a of 32 bits, 31 of them, modulo the reduces: vectors of the FNV page.
  EXPECT_EQ(partition_by_hash("", 1000), (0x811c9dc5u & 0x7fffffffu) % 1000);
  EXPECT_EQ(partition_by_hash("a", 1000), (0xe40c292cu & 0x7fffffffu) % 1000);
  EXPECT_EQ(partition_by_hash("foobar", 1000), (0xbf9cf968u & 0x7fffffffu) % 1000);
  run_sequentially(5, 3);
  for (uint32_t partition = 0; partition < 3; ++partition) {
    std::istringstream content(directory_.part(partition));
    for (std::string line; std::getline(content, line);) {
      ASSERT_EQ(partition_by_hash(line.substr(0, line.find(':')), 3), partition) << line;
    }
  }
}

/// Sixteen books of the sizes of the lab's, in a language of their own: the n-th word is about n times as rare as the
/// first.
class MapReduceLabBooks : public MapReduceLab {
 protected:
  static constexpr uint64_t kVocabulary = 1 << 15;

  MapReduceLabBooks() {
    constexpr struct {
      const char* name;
      size_t bytes;
    } kBooks[] = {{"being_ernest", 138'885},
                  {"dorian_gray", 453'174},
                  {"dracula", 867'100},
                  {"emma", 897'028},
                  {"frankenstein", 441'034},
                  {"great_expectations", 1'013'445},
                  {"grimm", 540'174},
                  {"huckleberry_finn", 594'262},
                  {"les_miserables", 3'324'329},
                  {"metamorphosis", 139'055},
                  {"moby_dick", 1'257'260},
                  {"sherlock_holmes", 581'864},
                  {"tale_of_two_cities", 776'701},
                  {"tom_sawyer", 412'668},
                  {"ulysses", 1'539'989},
                  {"war_and_peace", 3'266'164}};
    Prng prng(6824);
    std::vector<std::string> vocabulary;
    for (uint64_t rank = 0; rank < kVocabulary; ++rank) vocabulary.push_back(word_of(rank));
    for (const auto& [name, bytes] : kBooks) {
      const std::string file = "pg-" + std::string(name) + ".txt";
      std::vector<uint64_t> counts(kVocabulary);
      std::string text;
      while (text.size() < bytes) {
        // Of the words with ranks of n binary digits each n is as likely as any other.
        const uint64_t bits = prng.next();
        const uint64_t power = uint64_t{1} << bits % 15;
        const uint64_t rank = power + (bits >> 32) % power;
        text += vocabulary[rank];
        text += bits >> 8 & 7 ? " " : ",\n";
        ++counts[rank];
      }
      for (uint64_t rank = 0; rank < kVocabulary; ++rank) {
        if (counts[rank] == 0) continue;
        counts_[vocabulary[rank]] += counts[rank];
        files_of_[vocabulary[rank]].insert(file);
      }
      directory_.put(file, text);
    }
  }
  static std::string word_of(uint64_t rank) {
    std::string word;
    for (uint64_t rest = (rank + 1) * 7; rest > 0; rest /= 20) word.push_back("etaoinshrdlucmfwypvb"[rest % 20]);
    if (rank % 16 == 0) word[0] = static_cast<char>(word[0] - 'a' + 'A');
    return word;
  }
  std::vector<std::string> run(const char* builtin) {
    JobSpec job = spec(3);
    job.map = job.reduce = builtin;
    job.inputs = {"pg-*.txt"};
    const Result<JobStatus> status = run_local(Setting{}, builtin, job);
    EXPECT_TRUE(status.ok());
    return directory_.lines(3);
  }

  std::map<std::string, uint64_t> counts_;
  std::map<std::string, std::set<std::string>> files_of_;
};

TEST_F(MapReduceLabBooks, WordCount) {
  std::vector<std::string> expected;
  for (const auto& [word, count] : counts_) expected.push_back(word + ": " + std::to_string(count));
  std::sort(expected.begin(), expected.end());
  EXPECT_TRUE(run("wc") == expected);
}

TEST_F(MapReduceLabBooks, InvertedIndex) {
  std::vector<std::string> expected;
  for (const auto& [word, files] : files_of_) {
    std::string line = word + ": " + std::to_string(files.size()) + " ";
    for (const std::string& file : files) line += (line.back() == ' ' ? "" : ",") + file;
    expected.push_back(line);
  }
  std::sort(expected.begin(), expected.end());
  EXPECT_TRUE(run("ii") == expected);
}

}  // namespace
}  // namespace torc::mapreduce
