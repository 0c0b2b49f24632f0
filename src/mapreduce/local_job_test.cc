// Whole jobs in this process: what functions may do, what goes wrong in them, and how little memory they need.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "mapreduce/lab_harness.h"
#include "mapreduce/run.h"

namespace torc::mapreduce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LocalJob : public ::testing::Test {
 protected:
  LocalJob() {
    spec_.map = spec_.reduce = "own";
    spec_.directory = directory_.in();
    spec_.inputs = {directory_.in()};
    spec_.output = directory_.out();
    spec_.split_bytes = 64u << 20;
    setting_.threads = 2;
  }
  void name(const std::string& map, const std::string& reduce) {
    spec_.map = map;
    spec_.reduce = reduce;
  }
  Result<JobStatus> run() { return run_local(setting_, "job", spec_); }
  /// Runs; the outputs' lines in the order of their bytes.
  std::vector<std::string> lines() {
    const Result<JobStatus> status = run();
    EXPECT_TRUE(status.ok()) << status.error().message;
    if (!status) return {};
    EXPECT_EQ(status->record.state, JobState::kDone) << status->record.reason;
    counters_ = status->record.counters;
    return directory_.lines(spec_.reduces);
  }
  /// Runs; the sentence with which the job failed.
  std::string failure() {
    const Result<JobStatus> status = run();
    if (!status) return status.error().message;
    EXPECT_EQ(status->record.state, JobState::kFailed);
    // Nothing half-written, and no files of a job that nobody can resume.
    EXPECT_TRUE(!std::filesystem::exists(directory_.out()) || std::filesystem::is_empty(directory_.out()));
    return status->record.reason;
  }

  LabDirectory directory_;
  JobSpec spec_;
  Setting setting_;
  Counters counters_;
};

TEST_F(LocalJob, AMapAndAReduceOfNumbersNeedNoTextInBetween) {
  directory_.put("a", "3\n14\n15\n92\n65\n");
  Functions own;
  own.map = [](const Record& record, Emitter& out) {
    const auto number = Codec<int>::decode(record.text);
    out.emit(number % 2 == 0 ? "even" : "odd", number);
    out.count("numbers");
  };
  own.reduce = [](std::string_view key, Values& values, Emitter& out) {
    double sum = 0;
    int count = 0;
    while (const auto value = values.next<int>()) sum += *value, ++count;
    out.emit(key, sum / count);
  };
  setting_.functions["own"] = own;
  EXPECT_THAT(lines(), ElementsAre("even: 53", "odd: 27.666666666666668"));
  EXPECT_EQ(counters_.at("numbers"), 5u);
}

TEST_F(LocalJob, AJobHasAPartitionAndACombinerOfItsOwn) {
  directory_.put("a", "apple\nbanana\navocado\nblueberry\nbanana\n");
  Functions own;
  own.map = [](const Record& record, Emitter& out) { out.emit(std::string(record.text), 1); };
  own.reduce = [](std::string_view key, Values& values, Emitter& out) {
    int sum = 0;
    while (const auto value = values.next<int>()) sum += *value;
    out.emit(key, sum);
  };
  own.combine = own.reduce;
  own.partition = [](std::string_view key, uint32_t) { return key.front() == 'a' ? 0u : 1u; };
  setting_.functions["own"] = own;
  spec_.reduces = 2;
  (void)lines();
  EXPECT_EQ(directory_.part(0), "apple: 1\navocado: 1\n");
  EXPECT_EQ(directory_.part(1), "banana: 2\nblueberry: 1\n");
}

TEST_F(LocalJob, TheMapThatThrowsIsNamedWithItsFileAndByte) {
  directory_.put("a", "one 1\ntwo zwei\nthree 3\n");
  name("sum", "sum");
  EXPECT_THAT(failure(), AllOf(HasSubstr("/in/a, byte 6"), HasSubstr("not a number: zwei")));
}

TEST_F(LocalJob, SoManyBadRecordsAreSkippedAndNotOneMore) {
  directory_.put("a", "one 1\ntwo zwei\nthree 3\nfour vier\n");
  name("sum", "sum");
  spec_.skip_bad_records = 2;
  EXPECT_THAT(lines(), ElementsAre("one: 1", "three: 3"));
  EXPECT_EQ(counters_.at("records skipped"), 2u);
  std::filesystem::remove_all(directory_.out());
  spec_.skip_bad_records = 1;
  EXPECT_THAT(failure(), HasSubstr("/in/a, byte"));
}

TEST_F(LocalJob, AMapThatNeverReturnsFromARecordIsLeftBehind) {
  directory_.put("a", "fine\nhang\nalso fine\n");
  static std::atomic<bool> is_over = false;
  Functions own;
  own.map = [](const Record& record, Emitter& out) {
    while (record.text == "hang" && !is_over) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    out.emit(std::string(record.text), "");
  };
  own.reduce = [](std::string_view key, Values&, Emitter& out) { out.emit(key, ""); };
  own.form = OutputForm::kKey;
  setting_.functions["own"] = own;
  spec_.record_timeout_ms = 300;
  spec_.skip_bad_records = 1;
  EXPECT_THAT(lines(), ElementsAre("also fine", "fine"));
  is_over = true;
}

TEST_F(LocalJob, WhatIsMissingIsNamed) {
  name("wc", "wc");
  spec_.inputs = {"no/such/file"};
  EXPECT_THAT(failure(), HasSubstr("no/such/file"));
  spec_.inputs = {"*.nothing"};
  EXPECT_THAT(failure(), HasSubstr("*.nothing"));
  directory_.put("a", "text");
  spec_.inputs = {directory_.in()};
  name("grep", "grep");
  EXPECT_THAT(failure(), HasSubstr("--pattern"));
  name("keystats", "wc");
  EXPECT_THAT(failure(), HasSubstr("go together"));
  name("load", "load");
  EXPECT_THAT(failure(), HasSubstr("--node"));
}

TEST_F(LocalJob, AnInputThatChangesMeanwhileEndsTheJob) {
  directory_.put("a", "one\ntwo\n");
  Functions own;
  own.map = [this](const Record&, Emitter&) { directory_.put("a", "somebody writes another text\n"); };
  own.reduce = [](std::string_view, Values&, Emitter&) {};
  setting_.functions["own"] = own;
  EXPECT_THAT(failure(),
              AllOf(HasSubstr("/in/a changed while the job ran"), HasSubstr("8 bytes"), HasSubstr("29 now")));
}

TEST_F(LocalJob, AnOutputThatIsThereIsNotReplaced) {
  directory_.put("a", "one two");
  name("wc", "wc");
  EXPECT_THAT(lines(), ElementsAre("one: 1", "two: 1"));
  EXPECT_THAT(failure(), HasSubstr("is there already"));
  EXPECT_EQ(directory_.part(0), "one: 1\ntwo: 1\n");
}

TEST_F(LocalJob, CommandsOfTheShellMapAndReduce) {
  directory_.put("a", "b a\na c\n");
  name("tr ' ' '\\n'", "uniq -c | tr -s ' '");
  EXPECT_THAT(lines(), ElementsAre(" 1 b", " 1 c", " 2 a"));
}

TEST_F(LocalJob, ACommandThatFailsEndsTheJobWithItsStatus) {
  directory_.put("a", "b a\n");
  name("cat", "cat > /dev/null; exit 3");
  EXPECT_THAT(failure(), HasSubstr("exit status 3"));
  name("kill -SEGV $$", "cat");
  EXPECT_THAT(failure(), HasSubstr("signal 11"));
}

TEST_F(LocalJob, ACommandThatReadsNothingIsFine) {
  directory_.put("a", std::string(1'000'000, 'x') + "\n");
  name("echo done", "cat");
  EXPECT_THAT(lines(), ElementsAre("done"));
}

/// The smallest memory there is: maps spill.
class LittleMemory : public LocalJob {
 protected:
  LittleMemory() {
    setting_.memory_bytes = kMemoryMin;
    Prng prng(11);
    std::string text;
    for (int i = 0; i < 700'000; ++i) {
      std::string word(12, 'a');
      uint64_t bits = prng.below(3'000'000) * 0x9e3779b97f4a7c15u;
      for (char& c : word) c = static_cast<char>('a' + bits % 26), bits /= 26;
      text += word + '\n';
      words_.push_back(std::move(word));
    }
    directory_.put("a", text);
    std::sort(words_.begin(), words_.end());
  }
  std::vector<std::string> words_;
};

TEST_F(LittleMemory, CountsWordsThatDoNotFitIntoIt) {
  name("wc", "wc");
  std::string expected;
  for (auto word = words_.begin(); word != words_.end();) {
    const auto next = std::upper_bound(word, words_.end(), *word);
    expected += *word + ": " + std::to_string(next - word) + "\n";
    word = next;
  }
  (void)lines();
  EXPECT_TRUE(directory_.part(0) == expected);
  EXPECT_GT(counters_.at("sorted runs"), 1u);
}

TEST_F(LittleMemory, SortsWhatDoesNotFitIntoItOverAllOutputs) {
  name("sort", "sort");
  spec_.reduces = 3;
  std::string expected;
  for (const std::string& word : words_) expected += word + "\n";
  (void)lines();
  EXPECT_TRUE(directory_.part(0) + directory_.part(1) + directory_.part(2) == expected);
  for (uint32_t partition = 0; partition < 3; ++partition)
    EXPECT_GT(directory_.part(partition).size(), expected.size() / 6);
}

}  // namespace
}  // namespace torc::mapreduce
