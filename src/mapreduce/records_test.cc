// Values of keys, words of texts, lines for people: what is parsed is what was written, and nothing else is taken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "mapreduce/job_record.h"
#include "mapreduce/job_text.h"
#include "mapreduce/key_statistics.h"
#include "mapreduce/letters.h"
#include "mapreduce/plan.h"
#include "mapreduce/store_functions.h"
#include "mapreduce/task_record.h"

namespace torc::mapreduce {
namespace {

using ::testing::HasSubstr;

JobRecord some_job() {
  JobRecord record;
  record.birth = 0x1234;
  record.state = JobState::kFailed;
  record.run = 3;
  record.reason = "a line\nand another\\one";
  record.created_ms = 5;
  record.ended_ms = 7;
  record.counters = {{"words", 12}, {"with space", 3}};
  record.spec.map = "tr ' ' '\\n'";
  record.spec.reduce = "uniq -c";
  record.spec.inputs = {"a b", "torc:user:", "c*"};
  record.spec.directory = "/somewhere else";
  record.spec.output = "/out put";
  record.spec.split_bytes = 4096;
  record.spec.arguments = {{"pattern", " x y "}};
  return record;
}

TEST(JobRecord, IsReadAsItWasWritten) {
  const Result<JobRecord> read = JobRecord::parse(some_job().encode());
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(*read, some_job());
}

TEST(JobRecord, NamesThatWouldBreakOutOfKeysOrPathsAreRefused) {
  EXPECT_TRUE(check_job_name("a-1_B.c").ok());
  for (const char* name : {"", ".", ".hidden", "a/b", "a}b", "a b", "a\n"})
    EXPECT_FALSE(check_job_name(name).ok()) << name;
  EXPECT_TRUE(check_job_name(std::string(kJobNameBytesMax, 'x')).ok());
  EXPECT_FALSE(check_job_name(std::string(kJobNameBytesMax + 1, 'x')).ok());
}

TEST(TaskRecord, IsReadAsItWasWritten) {
  TaskRecord record;
  record.begun = 4;
  record.failures = 1;
  record.run = 2;
  record.fault = "books/a.txt, byte 3: no";
  record.runners = {{AttemptId{3, WorkerId(7)}, 9, 100}, {AttemptId{4, WorkerId(8)}, 0, 0}};
  EXPECT_EQ(*TaskRecord::parse(record.encode()), record);
  Output output;
  output.file = "m-00001.3-0000000000000007";
  output.bytes = 10;
  output.crc = 0xabc;
  output.counters["words"] = 5;
  const TaskRecord done = *completed(record, AttemptId{3, WorkerId(7)}, output);
  EXPECT_EQ(*TaskRecord::parse(done.encode()), done);
  EXPECT_FALSE(completed(done, AttemptId{4, WorkerId(8)}, output));
}

TEST(TaskRecord, AWorkerThatDiedIsCountedAsALoss) {
  TaskRecord record = *claimed(TaskRecord{}, WorkerId(7), std::nullopt, 1);
  const std::optional<TaskRecord> alone = orphaned(record, AttemptId{1, WorkerId(7)}, 1);
  ASSERT_TRUE(alone);
  EXPECT_TRUE(alone->runners.empty());
  EXPECT_EQ(alone->lost, 1u);
  EXPECT_EQ(alone->failures, 0u);
  EXPECT_FALSE(orphaned(*alone, AttemptId{1, WorkerId(7)}, 1));
}

TEST(Records, WhatWasCutOffOrChangedIsRefusedOrReadButNeverACrash) {
  const std::string job = some_job().encode();
  const std::string task = claimed(TaskRecord{}, WorkerId(7), std::nullopt, 1)->encode();
  Prng prng(3);
  for (const std::string& text : {job, task}) {
    for (int i = 0; i < 20'000; ++i) {
      std::string damaged = text.substr(0, prng.below(text.size() + 1));
      if (!damaged.empty()) damaged[prng.below(damaged.size())] = static_cast<char>(prng.next());
      (void)JobRecord::parse(damaged);
      (void)TaskRecord::parse(damaged);
      Plan plan;
      (void)parse_page(damaged, plan);
      (void)KeyStatistics::parse(damaged);
    }
  }
}

TEST(Plan, IsReadAsItWasWrittenPageByPage) {
  Plan plan;
  for (uint64_t i = 0; i < 2 * kSplitsPerPage + 1; ++i) {
    plan.splits.push_back({Split::Kind::kFile, "a file\n", i, i + 1, FileState{100, 200, 300}});
  }
  plan.borders = {"g", std::string("n\0\n", 3)};
  const std::vector<std::string> pages = encode_pages(plan);
  EXPECT_EQ(pages.size(), 3u);
  EXPECT_EQ(page_count(plan.splits.size()), 3u);
  Plan read;
  for (const std::string& page : pages) ASSERT_TRUE(parse_page(page, read).ok());
  EXPECT_EQ(read, plan);
}

TEST(Letters, AreThoseOfASlowReaderWhateverTheTextIs) {
  Prng prng(5);
  for (int round = 0; round < 3'000; ++round) {
    std::string text;
    while (text.size() < 200) {
      switch (prng.below(4)) {
        case 0:
          text.push_back(static_cast<char>(prng.next()));
          break;
        case 1:
          text += "\xc3\xa9";  // e with an accent
          break;
        case 2:
          text += "\xe4\xb8\xad";  // a Chinese character
          break;
        case 3:
          text.push_back(static_cast<char>(prng.below(128)));
          break;
      }
    }
    const size_t bytes = prng.below(200);
    std::vector<uint64_t> masks(bytes / kMaskBytes + 1);
    text.resize((bytes + kMaskBytes - 1) / kMaskBytes * kMaskBytes + kMaskBytes, 'x');
    mark_letters(std::string_view(text).substr(0, bytes), masks.data());
    for (size_t i = 0; i < bytes;) {
      const auto byte = [&](size_t k) { return i + k < bytes ? static_cast<unsigned char>(text[i + k]) : 0u; };
      const auto follows = [&](size_t k) { return byte(k) >> 6 == 2; };
      size_t length = 1;
      bool is_one = byte(0) < 128 && std::isalpha(static_cast<int>(byte(0))) != 0;
      if (byte(0) >= 0xc2 && byte(0) <= 0xdf && follows(1)) {
        length = 2;
        is_one = is_letter((byte(0) & 31) << 6 | (byte(1) & 63));
      } else if (byte(0) >> 4 == 14 && follows(1) && follows(2)) {
        const uint32_t code = (byte(0) & 15) << 12 | (byte(1) & 63) << 6 | (byte(2) & 63);
        const bool is_valid = code >= 0x800 && (code < 0xd800 || code > 0xdfff);
        if (is_valid) length = 3;
        is_one = is_valid && is_letter(code);
      } else if (byte(0) >> 3 == 30 && follows(1) && follows(2) && follows(3)) {
        const uint32_t code = (byte(0) & 7) << 18 | (byte(1) & 63) << 12 | (byte(2) & 63) << 6 | (byte(3) & 63);
        const bool is_valid = code >= 0x10000 && code <= 0x10ffff;
        if (is_valid) length = 4;
        is_one = is_valid && is_letter(code);
      }
      for (size_t k = 0; k < length; ++k) {
        ASSERT_EQ((masks[(i + k) / 64] >> ((i + k) % 64) & 1) != 0, is_one) << "round " << round << ", byte " << i + k;
      }
      i += length;
    }
  }
}

TEST(ExportLine, HoldsWhateverBytesAKeyAndAValueHave) {
  for (const StoredKey& key : {StoredKey{"k", "v", 0}, StoredKey{"a\tb\\", "line\nline\r\\t", 0},
                               StoredKey{std::string("\0\xff", 2), "", 1'700'000'000'000}}) {
    const std::string line = export_line(key);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const Result<StoredKey> read = parse_export_line(line);
    ASSERT_TRUE(read.ok()) << line;
    EXPECT_EQ(read->key, key.key);
    EXPECT_EQ(read->value, key.value);
    EXPECT_EQ(read->deadline_ms, key.deadline_ms);
  }
  EXPECT_EQ(parse_export_line("k\t\\x41\\x09")->value, "A\t");
  for (const char* line : {"no tab", "k\tv\t0", "k\tv\tsoon", "k\tv\\", "k\t\\q", "k\t\\x4", "k\t\\xzz"}) {
    EXPECT_FALSE(parse_export_line(line).ok()) << line;
  }
}

/// An emitter that keeps lines.
class Lines final : public Emitter {
 public:
  void emit_bytes(std::string_view key, std::string_view value) override {
    text += std::string(key) + ": " + std::string(value) + "\n";
  }
  void count(std::string_view, uint64_t) override {}
  std::string text;
};

TEST(KeyStatistics, AreTheSameHoweverTheKeysWereShared) {
  constexpr uint64_t kNowMs = 1'000'000;
  const std::vector<StoredKey> keys = {
      {"user:1", "abc", 0}, {"user:2", "", 1'030'000}, {"page:1", std::string(300, 'x'), 900'000}};
  KeyStatistics whole;
  for (const StoredKey& key : keys) whole.add(key, kNowMs);
  KeyStatistics parts;
  for (size_t i = keys.size(); i-- > 0;) {
    KeyStatistics part;
    part.add(keys[i], kNowMs);
    parts.add(*KeyStatistics::parse(part.encode()));
  }
  Lines of_whole;
  Lines of_parts;
  whole.report(of_whole);
  parts.report(of_parts);
  EXPECT_EQ(of_whole.text, of_parts.text);
  EXPECT_THAT(of_whole.text, HasSubstr("keys: 3\n"));
  EXPECT_THAT(of_whole.text, HasSubstr("largest value: 300 bytes, of page:1\n"));
  EXPECT_THAT(of_whole.text, HasSubstr("values of 256 to 511 bytes: 1\n"));
  EXPECT_THAT(of_whole.text, HasSubstr("prefix user:: 2 keys, 15 bytes\n"));
  EXPECT_THAT(of_whole.text, HasSubstr("expire within a minute: 2\n"));
}

TEST(JobText, ProgressSaysHowFarHowFastAndHowLong) {
  JobStatus status;
  ProgressText progress;
  const std::chrono::steady_clock::time_point begin;
  EXPECT_EQ(progress.next(status, begin), "planning");
  status.is_planned = true;
  status.maps = {.tasks = 8, .done = 0, .running = 2, .input_bytes = 400'000'000, .bytes_done = 0};
  status.reduces.tasks = 3;
  (void)progress.next(status, begin);
  status.maps.done = 3;
  status.maps.bytes_done = 100'000'000;
  EXPECT_EQ(progress.next(status, begin + std::chrono::seconds(2)),
            "maps 3/8, reduces 0/3, 100.0 MB of 400.0 MB read, 50.0 MB/s, 6.0 s left of the maps");
}

}  // namespace
}  // namespace torc::mapreduce
