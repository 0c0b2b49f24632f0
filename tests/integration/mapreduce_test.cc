// MapReduce with real processes: workers, runners and Torc's own nodes are killed, stopped and started again, and the
// outputs stay what they are when nothing happens. TORC_MAPREDUCE_RUNS=50 for a longer run (make mapreduce-kills).
#include <gmock/gmock.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "mapreduce_fixture.h"

namespace torc::integration {
namespace {

using std::chrono::steady_clock;
using ::testing::HasSubstr;

class MapReduceKills : public MapReduceProcesses {
 protected:
  static constexpr size_t kTextBytes = 1'500'000;
  Millis kill_worker_every_{300};
  Millis kill_first_worker_after_{kill_worker_every_};
  Millis kill_leader_every_{2'000};
  static constexpr Millis kPatience{300'000};

  /// Until the runner has ended: a random worker and the leader of Torc, again and again. Returns how many workers.
  int kill_until_it_ends(Process& runner, pid_t spared) {
    int killed = 0;
    const auto begin = steady_clock::now();
    auto next_worker = begin + kill_first_worker_after_;
    auto next_leader = begin + kill_leader_every_;
    NodeNumber down = 0;
    while (runner.is_running() && steady_clock::now() < begin + kPatience) {
      if (steady_clock::now() >= next_worker) {
        std::vector<pid_t> workers = workers_of(runner);
        std::erase(workers, spared);
        if (!workers.empty()) killed += ::kill(workers[prng_.below(workers.size())], SIGKILL) == 0 ? 1 : 0;
        next_worker += kill_worker_every_;
      }
      if (steady_clock::now() >= next_leader) {
        if (down != 0) cluster_.start(down);
        down = cluster_.wait_for_leader(Millis(60'000));  // who comes back has a long log to read first
        cluster_.kill_hard(down);
        next_leader = steady_clock::now() + kill_leader_every_;
      }
      sleep_for(Millis(20));
    }
    if (down != 0) cluster_.start(down);
    return killed;
  }
  /// The lines `winner` of all tasks that are done.
  std::map<std::string, std::string> winners(const std::string& job) {
    std::map<std::string, std::string> found;
    for (int i = 0; i < 100; ++i) {
      const std::string digits = std::to_string(i);
      const std::string task = "m-" + std::string(5 - digits.size(), '0') + digits;
      const std::string record = get("{mapreduce:" + job + "}:task:" + task);
      const size_t at = record.find("\nwinner ");
      if (at != std::string::npos) found[task] = record.substr(at + 1, record.find('\n', at + 1) - at - 1);
    }
    return found;
  }
};

TEST_F(MapReduceKills, TheOutputIsThatOfAnUndisturbedJobWhoeverDies) {
  put_text("text", kTextBytes);
  const CommandResult calm = run(slow_count("calm", "calm", 4));
  ASSERT_EQ(calm.exit_status, 0) << calm.output;
  const std::string expected = outputs("calm", kReduces);
  ASSERT_FALSE(expected.empty());
  const char* const runs = std::getenv("TORC_MAPREDUCE_RUNS");
  int killed = 0;
  for (int i = 0; i < (runs != nullptr ? std::atoi(runs) : 1); ++i) {
    const std::string job = "killed-" + std::to_string(i);
    Process& runner = start(slow_count(job, job, 4));
    // One that is stopped until its outputs, if they counted, could only do harm.
    ASSERT_TRUE(holds_within(Millis(20'000), [&] { return workers_of(runner).size() == 4; }));
    sleep_for(Millis(prng_.between(50, 600)));
    const std::vector<pid_t> workers = workers_of(runner);
    const pid_t sleeper = workers[prng_.below(workers.size())];
    ::kill(sleeper, SIGSTOP);
    // Its parent must not wake it, so that it sleeps until the job is published.
    killed += kill_until_it_ends(runner, sleeper);
    ASSERT_EQ(runner.wait(Millis(10)), 0) << read_file(runner.output_path());
    EXPECT_EQ(outputs(job, kReduces), expected) << "run " << i;
    cluster_.wait_until_all_answer(Millis(60'000));
  }
  EXPECT_GT(killed, 2);
}

TEST_F(MapReduceKills, AWorkerThatWakesAfterPublicationChangesNothing) {
  put_text("text", kTextBytes / 3);
  Process& submitter = start(slow_count("sleeper", "out", 0));  // starts no workers: those here are not its children
  ASSERT_TRUE(holds_within(Millis(20'000), [&] { return !get("{mapreduce:sleeper}:job").empty(); }));
  Process sleeper(line({"worker", "sleeper", "--threads", "1"}), path("sleeper"));
  ASSERT_TRUE(holds_within(Millis(20'000), [&] { return !winners("sleeper").empty(); }));
  sleeper.pause();
  Process worker(line({"worker", "sleeper", "--threads", "2"}), path("worker"));
  ASSERT_EQ(submitter.wait(kPatience), 0) << read_file(submitter.output_path());
  const std::string published = outputs("out", kReduces);
  ASSERT_FALSE(published.empty());
  // Somebody uses the outputs: one has other content now, one is gone.
  std::ofstream(path("out/part-00000")) << "another job's";
  std::filesystem::remove(path("out/part-00001"));
  const std::string record = get("{mapreduce:sleeper}:job");
  sleeper.resume();
  EXPECT_EQ(sleeper.wait(kPatience), 0) << read_file(sleeper.output_path());
  EXPECT_EQ(read_file(path("out/part-00000")), "another job's");
  EXPECT_FALSE(std::filesystem::exists(path("out/part-00001")));
  EXPECT_EQ(get("{mapreduce:sleeper}:job"), record);
  for (const auto& entry : std::filesystem::directory_iterator(path("out"))) {
    EXPECT_THAT(entry.path().filename().string(), HasSubstr("part-0000"));
  }
}

TEST_F(MapReduceKills, AfterAllProcessesDiedResumeRepeatsNothingThatIsDone) {
  put_text("text", kTextBytes);
  Process& runner = start(slow_count("dead", "out", 3));
  ASSERT_TRUE(holds_within(kPatience, [&] { return winners("dead").size() >= 5; }));
  const std::vector<pid_t> workers = workers_of(runner);
  runner.kill_hard();
  for (const pid_t worker : workers) ::kill(worker, SIGKILL);
  for (NodeNumber node = 1; node <= cluster_.size(); ++node) cluster_.kill_hard(node);
  for (NodeNumber node = 1; node <= cluster_.size(); ++node) cluster_.start(node);
  cluster_.wait_until_all_answer(Millis(60'000));
  const std::map<std::string, std::string> done = winners("dead");
  EXPECT_TRUE(outputs("out", kReduces).empty());
  const CommandResult resumed = run({"resume", "dead", "--workers", "3", "--threads", "1"});
  ASSERT_EQ(resumed.exit_status, 0) << resumed.output;
  const std::map<std::string, std::string> after = winners("dead");
  for (const auto& [task, winner] : done) EXPECT_EQ(after.at(task), winner) << task << " was run again";
  const CommandResult calm = run(slow_count("calm", "calm", 4));
  ASSERT_EQ(calm.exit_status, 0) << calm.output;
  EXPECT_EQ(outputs("out", kReduces), outputs("calm", kReduces));
}

class MapReduceCommands : public MapReduceProcesses {};

TEST_F(MapReduceCommands, JobsAreListedShownCancelledResumedAndRemoved) {
  put_text("text", 300'000);
  EXPECT_THAT(run({"list"}).output, HasSubstr("no jobs"));
  Process& runner = start(slow_count("one", "out", 1));
  ASSERT_TRUE(holds_within(Millis(20'000), [&] {
    return run({"status", "one"}).output.find("under way") != std::string::npos;
  }));
  EXPECT_EQ(run({"remove", "one"}).exit_status, 6);
  EXPECT_EQ(run({"cancel", "one"}).exit_status, 0);
  EXPECT_EQ(runner.wait(Millis(20'000)), 6);
  EXPECT_THAT(run({"list"}).output, HasSubstr("cancelled"));
  EXPECT_TRUE(outputs("out", kReduces).empty());
  const CommandResult resumed = run({"resume", "one", "--workers", "2"});
  EXPECT_EQ(resumed.exit_status, 0) << resumed.output;
  EXPECT_THAT(resumed.output, HasSubstr("job one: done after"));
  EXPECT_FALSE(outputs("out", kReduces).empty());
  EXPECT_EQ(run({"resume", "one"}).exit_status, 6);
  EXPECT_EQ(run({"remove", "one"}).exit_status, 0);
  EXPECT_THAT(run({"list"}).output, HasSubstr("no jobs"));
  EXPECT_THAT(run({"status", "one"}).output, HasSubstr("there is no job one"));
  EXPECT_FALSE(outputs("out", kReduces).empty());
}

TEST_F(MapReduceCommands, AFileThatCannotBeMappedEndsTheJobWithFileAndByte) {
  std::ofstream(path("text")) << "one 1\ntwo zwei\n";
  const CommandResult failed = run(
      {"run", "--map", "sum", "--reduce", "sum", "--inputs", path("text"), "--output", path("out"), "--name", "bad"});
  EXPECT_EQ(failed.exit_status, 6);
  EXPECT_THAT(failed.output, HasSubstr("text, byte 6: not a number: zwei"));
  EXPECT_TRUE(outputs("out", 1).empty());
  std::ofstream(path("other")) << "one 1\n";
  const CommandResult missing =
      run({"run", "--map", "sum", "--reduce", "sum", "--inputs", path("nowhere"), "--output", path("out2")});
  EXPECT_EQ(missing.exit_status, 6);
  EXPECT_THAT(missing.output, HasSubstr("nowhere"));
}

TEST_F(MapReduceCommands, AWorkerOfNoJobTakesPartInAllAndStandardInputIsAnInput) {
  Process worker(line({"worker"}), path("worker"));
  std::string shell = "printf 'b a\\na c\\n' |";
  for (const std::string& word : line({"run", "--map", "wc", "--reduce", "wc", "--inputs", "-", "--output", path("out"),
                                       "--workers", "0", "--name", "piped"})) {
    shell += " " + word;
  }
  const CommandResult result = run_command({"/bin/sh", "-c", shell}, path("piped"), Millis(60'000));
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_EQ(read_file(path("out/part-00000")), "a: 2\nb: 1\nc: 1\n");
  EXPECT_FALSE(std::filesystem::exists(path("out/.mapreduce")));
  EXPECT_EQ(worker.terminate(Millis(10'000)), 0) << read_file(worker.output_path());
}

TEST_F(MapReduceCommands, AWorkerThatIsToldToStopGivesItsTaskBackAndIsReplaced) {
  put_text("text", 300'000);
  Process& runner = start(slow_count("told", "out", 1));
  ASSERT_TRUE(holds_within(Millis(20'000), [&] { return workers_of(runner).size() == 1; }));
  const pid_t first = workers_of(runner).front();
  sleep_for(Millis(200));
  ::kill(first, SIGTERM);
  ASSERT_EQ(runner.wait(Millis(60'000)), 0) << read_file(runner.output_path());
  EXPECT_THAT(read_file(runner.output_path()),
              HasSubstr("a worker ended with exit status 0; another one takes its place"));
}

TEST_F(MapReduceCommands, AMapThatEndsItsWorkerEndsTheJobAndNotEveryWorkerThereIs) {
  std::ofstream(path("text")) << "one\n";
  const CommandResult result = run({"run", "--map", "kill -SEGV $PPID", "--reduce", "cat", "--inputs", path("text"),
                                    "--output", path("out"), "--workers", "2"});
  EXPECT_EQ(result.exit_status, 6);
  EXPECT_THAT(result.output, HasSubstr("map 0 failed 4 times, the last time with: its worker ended with signal 11"));
}

TEST_F(MapReduceCommands, AnOutageOfTheStoreLongerThanAllLeasesTakesNoTaskFromItsWorker) {
  put_text("text", 200'000);
  std::vector<std::string> words = slow_count("outage", "out", 3);
  for (std::string& word : words) {
    if (word.starts_with("sleep")) word.replace(0, 10, "sleep 6");  // longer than the outage
  }
  Process& runner = start(words);
  const auto under_way = [&] { return run({"status", "outage"}).output; };
  ASSERT_TRUE(holds_within(Millis(20'000), [&] { return under_way().find("3 under way") != std::string::npos; }));
  for (NodeNumber node = 1; node <= cluster_.size(); ++node) cluster_.kill_hard(node);
  sleep_for(Millis(3'000));  // three leases
  for (NodeNumber node = 1; node <= cluster_.size(); ++node) cluster_.start(node);
  ASSERT_EQ(runner.wait(Millis(60'000)), 0) << read_file(runner.output_path());
  // 4 maps, 3 reduces and the plan: each was begun once.
  EXPECT_THAT(read_file(runner.output_path()), HasSubstr("4 maps, 3 reduces, 7 attempts\n"));
}

TEST_F(MapReduceCommands, AFullDiskEndsTheJobAndResumeFinishesItWhenThereIsRoom) {
  put_text("text", 100'000);
  const std::vector<std::string> words = {"run",      "--map",      "wc",       "--reduce",  "wc",
                                          "--inputs", path("text"), "--output", path("out"), "--reduces",
                                          "3",        "--name",     "full"};
  std::ofstream(path("full-now")) << "";
  Process runner(
      line(words), path("runner"),
      {{"LD_PRELOAD", built_program("torc_full_disk_preload.so")}, {"TORC_FULL_DISK_SWITCH", path("full-now")}});
  EXPECT_EQ(runner.wait(Millis(60'000)), 6);
  EXPECT_THAT(read_file(runner.output_path()), HasSubstr("No space left on device"));
  EXPECT_TRUE(outputs("out", kReduces).empty());
  const CommandResult resumed = run({"resume", "full"});
  EXPECT_EQ(resumed.exit_status, 0) << resumed.output;
  EXPECT_FALSE(outputs("out", kReduces).empty());
}

TEST_F(MapReduceCommands, AProgramWithAMapOfItsOwnRunsItsOwnWorkers) {
  std::ofstream(path("text")) << "a bb cc\nddd bb\n";
  std::vector<std::string> argv = line({"run", "--map", "lengths", "--reduce", "lengths", "--inputs", path("text"),
                                        "--output", path("out"), "--workers", "2"});
  argv.erase(argv.begin() + 1);  // `mapreduce`: the program is nothing else
  argv[0] = built_program("letter-lengths");
  const CommandResult result = run_command(argv, path("example"), Millis(60'000));
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_EQ(read_file(path("out/part-00000")), "1: 1\n2: 3\n3: 1\n");
}

/// Keys of the store: loaded while everything dies, they are what they are when nothing does; exported, they are the
/// file.
class MapReduceKeys : public MapReduceKills {
 protected:
  MapReduceKeys() {
    const char* const keys = std::getenv("TORC_MAPREDUCE_KEYS");
    const uint64_t count = keys != nullptr ? std::strtoull(keys, nullptr, 10) : 20'000;
    // A reduce is what is done again when its worker dies: one that takes longer than workers live would never end.
    constexpr uint64_t kKeysOfAReduce = 5'000;
    // Likewise a node that comes back with a million keys has seconds of work to do before it can be of any use.
    if (count > 100'000) kill_worker_every_ = Millis(1'000), kill_leader_every_ = Millis(8'000);
    reduces_ = std::to_string(std::max<uint64_t>(8, count / kKeysOfAReduce));
    std::vector<std::string> lines;
    for (uint64_t i = 0; i < count; ++i) {
      lines.push_back("key:" + std::to_string(i) + "\tvalue\\t" + std::to_string(prng_.next()) +
                      (i % 10 == 0 ? "\t99999999999999" : ""));
    }
    std::ofstream file(path("keys"));
    for (const std::string& line : lines) file << line << '\n';
    std::sort(lines.begin(), lines.end());
    for (const std::string& line : lines) expected_ += line + "\n";
  }
  std::vector<std::string> load(const std::string& job) const {
    return {"run",      "--name",     job,        "--map",     "load",      "--reduce", "load",
            "--inputs", path("keys"), "--output", path(job),   "--reduces", reduces_,   "--workers",
            "3",        "--lease-ms", "1000",     "--threads", "1"};
  }
  /// How many keys the store has, of jobs too.
  int64_t keys() {
    const std::optional<Reply> reply = cluster_.connect(1).call({"DBSIZE"});
    return reply ? reply->integer : 0;
  }
  /// Of all keys but those of jobs.
  std::string digest(const std::string& name) const {
    const CommandResult result = run({"run", "--name", name, "--map", "keystats", "--reduce", "keystats", "--inputs",
                                      "torc:", "--output", path(name)});
    EXPECT_EQ(result.exit_status, 0) << result.output;
    const std::string text = read_file(path(name) + "/part-00000");
    const size_t at = text.find("digest: ");
    return at == std::string::npos ? text : text.substr(0, text.find('\n', at));
  }
  std::string reduces_;
  std::string expected_;
};

TEST_F(MapReduceKeys, ALoadWhileWorkersAndLeadersAreKilledGivesTheKeysOfAnUndisturbedOne) {
  const CommandResult calm = run(load("calm"));
  ASSERT_EQ(calm.exit_status, 0) << calm.output;
  const std::string undisturbed = digest("digest-calm");
  ASSERT_THAT(undisturbed, HasSubstr("digest: "));
  const CommandResult exported = run({"run", "--name", "export", "--map", "export", "--reduce", "export", "--inputs",
                                      "torc:key:", "--output", path("export")});
  ASSERT_EQ(exported.exit_status, 0) << exported.output;
  EXPECT_TRUE(read_file(path("export/part-00000")) == expected_);
  kill_first_worker_after_ = Millis(0);
  int killed = 0;
  // On a quick machine a load may end before anybody could be killed in the middle of it: then there is another one.
  for (int loads = 0; killed == 0 && loads < 20; ++loads) {
    // The load must write every key again.
    ASSERT_TRUE(holds_within(Millis(20'000), [&] {
      const std::optional<Reply> reply =
          cluster_.connect(cluster_.wait_for_leader(), Millis(15'000)).call({"FLUSHALL"});
      return reply && reply->text == "OK";
    }));
    Process& runner = start(load("killed-" + std::to_string(loads)));
    holds_within(Millis(20'000), [&] { return keys() > 1'000 || !runner.is_running(); });
    killed = kill_until_it_ends(runner, 0);
    ASSERT_EQ(runner.wait(Millis(10)), 0) << read_file(runner.output_path());
  }
  EXPECT_GT(killed, 0);
  std::printf("%d workers were killed\n", killed);
  cluster_.wait_until_all_answer(Millis(60'000));
  EXPECT_EQ(digest("digest-killed"), undisturbed);
}

TEST_F(MapReduceKeys, AWorkerThatWakesAfterOthersEndedItsLoadWritesNoKey) {
  std::vector<std::string> words = load("sleeper");
  *(std::find(words.begin(), words.end(), "--workers") + 1) = "0";
  Process& submitter = start(words);
  ASSERT_TRUE(holds_within(Millis(20'000), [&] { return !get("{mapreduce:sleeper}:job").empty(); }));
  Process sleeper(line({"worker", "sleeper", "--threads", "1"}), path("sleeper-log"));
  ASSERT_TRUE(holds_within(Millis(20'000), [&] { return keys() > 1'500; }));  // in the middle of a reduce
  sleeper.pause();
  Process worker(line({"worker", "sleeper", "--threads", "1"}), path("worker-log"));
  ASSERT_EQ(submitter.wait(kPatience), 0) << read_file(submitter.output_path());
  // The application goes on: some keys are deleted, some have other values now.
  RespClient client = cluster_.connect(1, Millis(10'000));
  for (int i = 0; i < 20'000; i += 2) ASSERT_TRUE(client.send({"DEL", "key:" + std::to_string(i)}));
  for (int i = 0; i < 20'000; i += 2) ASSERT_TRUE(client.receive());
  for (int i = 1; i < 20'000; i += 4) ASSERT_TRUE(client.send({"SET", "key:" + std::to_string(i), "mine"}));
  for (int i = 1; i < 20'000; i += 4) ASSERT_TRUE(client.receive());
  const std::string before = digest("before");
  sleeper.resume();
  EXPECT_EQ(sleeper.wait(kPatience), 0) << read_file(sleeper.output_path());
  EXPECT_EQ(digest("after"), before);
}

}  // namespace
}  // namespace torc::integration
