// Stories of the protocol, each with one thing that goes wrong at one moment.
#include <gtest/gtest.h>

#include "mapreduce/small_job_harness.h"

namespace torc::mapreduce {
namespace {

class ProtocolStory : public ::testing::Test {
 protected:
  explicit ProtocolStory() { begin(small_job()); }

  void begin(const JobSpec& spec, ProtocolWorld::Options options = {.has_unknown_outcomes = false}) {
    world_ = std::make_unique<ProtocolWorld>(++seed_, small_functions(), options);
    put_inputs(world_->disk);
    world_->submit(spec);
  }
  template <typename Condition>
  bool run_until(Condition condition, uint64_t ms_max = 60'000) {
    const uint64_t end = world_->now_ms() + ms_max;
    while (!condition()) {
      if (world_->now_ms() >= end || !world_->step()) return condition();
    }
    return true;
  }
  void run_for(uint64_t ms) {
    run_until([] { return false; }, ms);
  }
  bool run_until_done() {
    return run_until([&] { return world_->job()->state == JobState::kDone; });
  }
  std::optional<TaskRecord> map(uint32_t index) { return world_->task({TaskKind::kMap, index}); }

  uint64_t seed_ = 100;
  std::unique_ptr<ProtocolWorld> world_;
};

TEST_F(ProtocolStory, AnOutageLongerThanAllLeasesTakesNoTaskFromItsOwner) {
  // More slots than tasks: there is always somebody who would take one.
  constexpr size_t kWorkers = 6;
  for (size_t i = 0; i < kWorkers; ++i) world_->start_worker();
  ASSERT_TRUE(run_until([&] { return world_->status().maps.running >= 4; }));
  for (size_t i = 0; i < kWorkers; ++i) world_->hold_attempts(i, 52 * kLeaseMs);
  run_for(2 * kLeaseMs);
  world_->outage(50 * kLeaseMs);
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(world_->status().attempts, world_->status().maps.tasks + world_->status().reduces.tasks);
  EXPECT_EQ(outputs(world_->disk), undisturbed());
}

TEST_F(ProtocolStory, AWorkerThatIsStoppedLosesItsTasksAndWhatItDoesAfterwardsChangesNothing) {
  // Stopped after 1, 2, 3, ... steps, so at every place where others can go first.
  const std::string expected = undisturbed();
  for (int steps = 1; steps < 400; steps += 3) {
    begin(small_job());
    const size_t sleeper = world_->start_worker();
    for (int i = 0; i < steps; ++i) world_->step();
    world_->pause_worker(sleeper, 300'000);
    world_->start_worker();
    ASSERT_TRUE(run_until_done()) << steps;
    ASSERT_EQ(outputs(world_->disk), expected) << steps;
    // The outputs are used, and others have their names now.
    world_->disk.put("/out/part-00000", "another job's");
    world_->disk.names.erase("/out/part-00001");
    const std::string record = world_->job()->encode();
    while (world_->step()) {
    }
    EXPECT_EQ(world_->job()->encode(), record) << steps;
    EXPECT_EQ(world_->disk.get("/out/part-00000"), "another job's") << steps;
    EXPECT_FALSE(world_->disk.exists("/out/part-00001")) << steps;
    EXPECT_TRUE(world_->violations.empty()) << world_->violations.front();
  }
}

TEST_F(ProtocolStory, AllWorkersDieAndOthersGoOnWithoutRepeatingWhatIsDone) {
  for (int i = 0; i < 3; ++i) world_->start_worker();
  ASSERT_TRUE(run_until([&] { return world_->job() && world_->status().maps.done >= 3; }));
  std::map<uint32_t, AttemptId> done;
  for (uint32_t i = 0; map(i).has_value(); ++i) {
    if (map(i)->is_done()) done[i] = *map(i)->winner;
  }
  for (size_t i = 0; i < 3; ++i) world_->power_loss(i);
  world_->start_worker();
  ASSERT_TRUE(run_until_done());
  for (const auto& [index, winner] : done) {
    EXPECT_EQ(*map(index)->winner, winner);
    EXPECT_EQ(map(index)->begun, 1u) << index;
  }
  EXPECT_EQ(outputs(world_->disk), undisturbed());
}

TEST_F(ProtocolStory, AFileInTheWayEndsTheJobAndStays) {
  world_->start_worker();
  ASSERT_TRUE(run_until([&] { return world_->status().reduces.done > 0; }));
  world_->disk.put("/out/part-00002", "precious");
  ASSERT_TRUE(run_until([&] { return world_->job()->is_ended(); }));
  EXPECT_EQ(world_->job()->state, JobState::kFailed);
  EXPECT_EQ(world_->job()->reason, "/out/part-00002 exists and is not of this job; nothing was replaced");
  EXPECT_EQ(world_->disk.get("/out/part-00002"), "precious");
  // Once it is out of the way, resume publishes what is done.
  world_->disk.names.erase("/out/part-00002");
  world_->resume();
  world_->start_worker();
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(outputs(world_->disk), undisturbed());
}

TEST_F(ProtocolStory, AnInputThatChangesEndsTheJobWithASentence) {
  world_->start_worker();
  ASSERT_TRUE(run_until([&] { return world_->status().is_planned; }));
  world_->disk.put("/in/c", "five 5\n");
  ASSERT_TRUE(run_until([&] { return world_->job()->is_ended(); }));
  EXPECT_EQ(world_->job()->state, JobState::kFailed);
  EXPECT_EQ(world_->job()->reason,
            "/in/c changed while the job ran: it had 23 bytes when the job was planned and has 7 now");
  EXPECT_FALSE(world_->disk.exists("/out/part-00000"));
}

TEST_F(ProtocolStory, AFullDiskFailsTheJobAndResumeFinishesIt) {
  world_->start_worker();
  ASSERT_TRUE(run_until([&] { return world_->status().maps.done == 2; }));
  world_->disk.is_full = true;
  ASSERT_TRUE(run_until([&] { return world_->job()->is_ended(); }));
  EXPECT_EQ(world_->job()->state, JobState::kFailed);
  EXPECT_NE(world_->job()->reason.find("No space left on device"), std::string::npos) << world_->job()->reason;
  EXPECT_FALSE(world_->disk.exists("/out/part-00000"));
  world_->disk.is_full = false;
  world_->resume();
  world_->start_worker();
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(outputs(world_->disk), undisturbed());
}

TEST_F(ProtocolStory, AMapThatCannotTakeARecordFailsTheJobAndNamesFileAndByte) {
  world_->disk.put("/in/b", "two 20\nthree drei\n");
  world_->start_worker();
  ASSERT_TRUE(run_until([&] { return world_->job()->is_ended(); }));
  EXPECT_EQ(world_->job()->state, JobState::kFailed);
  EXPECT_NE(world_->job()->reason.find("failed 4 times, the last time with: /in/b, byte 7: not a number: drei"),
            std::string::npos)
      << world_->job()->reason;
}

TEST_F(ProtocolStory, BadRecordsAreSkippedUpToTheNumberGivenAndNotOneMore) {
  for (const uint64_t skip : {0, 1, 2, 3}) {
    JobSpec spec = small_job();
    spec.skip_bad_records = skip;
    begin(spec);
    world_->disk.put("/in/b", "two x\nthree 30\n");
    world_->disk.put("/in/c", "five 5\none y\nfive 50\n");
    for (int i = 0; i < 3; ++i) world_->start_worker();
    ASSERT_TRUE(run_until([&] { return world_->job()->is_ended(); }));
    if (skip < 2) {
      EXPECT_EQ(world_->job()->state, JobState::kFailed);
      continue;
    }
    EXPECT_EQ(world_->job()->state, JobState::kDone);
    EXPECT_EQ(outputs(world_->disk), "--\nfive: 55\nfour: 4\none: 1\nthree: 33\n--\ntwo: 2\n");
    EXPECT_EQ(world_->job()->counters.at("records skipped"), 2u);
  }
}

TEST_F(ProtocolStory, ACancelledJobLeavesNothingInTheOutputDirectoryAndCanBeResumed) {
  world_->start_worker();
  ASSERT_TRUE(run_until([&] { return world_->status().maps.done == 2; }));
  world_->cancel();
  while (world_->step()) {
  }
  EXPECT_FALSE(world_->disk.exists("/out/part-00000"));
  const AttemptId winner = *map(0)->winner;
  world_->resume();
  world_->start_worker();
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(*map(0)->winner, winner);
  EXPECT_EQ(outputs(world_->disk), undisturbed());
}

TEST_F(ProtocolStory, ARemovedJobEndsItsWorkersAndNoKeyStaysForEver) {
  for (int i = 0; i < 2; ++i) world_->start_worker();
  ASSERT_TRUE(run_until([&] { return world_->status().maps.running > 0; }));
  world_->cancel();
  ASSERT_TRUE(world_->remove().ok());
  while (world_->step()) {
  }
  EXPECT_EQ(world_->lasting_keys(), std::vector<std::string>{std::string(kJobsKey)});
  EXPECT_FALSE(world_->is_alive(0));
}

TEST_F(ProtocolStory, AWorkerThatIsOnlySlowGetsCompanyAndTheFirstToCompleteWins) {
  // It beats, but its attempts do not get on.
  world_->start_worker();
  ASSERT_TRUE(run_until([&] { return world_->status().maps.tasks > 0 && world_->attempts_running(0) == 2; }));
  world_->hold_attempts(0, 100'000);
  std::vector<uint32_t> held;
  for (uint32_t i = 0; i < world_->status().maps.tasks; ++i) {
    if (map(i) && !map(i)->runners.empty()) held.push_back(i);
  }
  ASSERT_EQ(held.size(), 2u);
  world_->start_worker();
  ASSERT_TRUE(run_until_done());
  for (const uint32_t index : held) {
    EXPECT_EQ(map(index)->begun, 2u) << index;
    EXPECT_EQ(world_->owner_of(*map(index)->winner), 1u) << index;
  }
  EXPECT_EQ(outputs(world_->disk), undisturbed());
  while (world_->step()) {
  }
  EXPECT_TRUE(world_->violations.empty());
}

TEST_F(ProtocolStory, AMapThatNeverReturnsFromARecordFailsTheAttemptByName) {
  JobSpec spec = small_job();
  spec.record_timeout_ms = 5'000;
  begin(spec);
  world_->start_worker();
  ASSERT_TRUE(run_until([&] { return world_->status().maps.tasks > 0 && world_->attempts_running(0) == 2; }));
  world_->hold_attempts(0, 1'000'000);
  ASSERT_TRUE(run_until([&] { return !world_->status().faults.empty(); }));
  const std::string fault = world_->status().faults.front();
  EXPECT_NE(fault.find("the map did not return from this record for 5 s"), std::string::npos) << fault;
  EXPECT_NE(fault.find("/in/"), std::string::npos) << fault;
}

}  // namespace
}  // namespace torc::mapreduce
