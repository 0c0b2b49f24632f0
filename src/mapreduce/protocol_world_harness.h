// Test support: workers of one job in a simulated world. The workers' protocol, the attempts with all that reads, sorts
// and writes, and publication are the product's own; the store, the files, time and who runs next obey a seed. After
// every change of the store what docs/mapreduce.md promises is checked.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "mapreduce/attempt_context.h"
#include "mapreduce/fibers_harness.h"
#include "mapreduce/jobs.h"
#include "mapreduce/memory_files_harness.h"
#include "mapreduce/publish.h"
#include "mapreduce/worker.h"

namespace torc::mapreduce {

/// Thrown where a story waits when its process has been killed. No std::exception: the product catches those.
struct Killed {};

class ProtocolWorld {
 public:
  struct Options {
    bool has_unknown_outcomes = true;
    size_t slots = 2;
  };
  static constexpr const char* kJob = "j";

  ProtocolWorld(uint64_t seed, Functions functions, Options options)
      : prng_(seed), functions_(std::move(functions)), options_(options) {}
  ~ProtocolWorld() {
    for (auto& process : processes_) kill(*process);
  }

  MemoryDisk disk;
  std::vector<std::string> violations;

  struct Process;
  uint64_t now_ms() const { return now_ms_; }
  Prng& prng() { return prng_; }

  // ---- what happens to the world
  void submit(const JobSpec& spec) {
    DirectStore store(*this);
    MemoryFiles files(disk, 0);
    (void)Jobs(store, files).submit(kJob, spec, 77, 1);
    scratch_ = job()->scratch();
  }
  size_t start_worker() {
    auto process = std::make_unique<Process>(*this, static_cast<int>(processes_.size()) + 1);
    Process& started = *process;
    processes_.push_back(std::move(process));
    started.spawn([this, &started] { live(started); });
    return processes_.size() - 1;
  }
  void kill_worker(size_t index) { kill(*processes_[index]); }
  void power_loss(size_t index) {
    kill(*processes_[index]);
    disk.power_loss(processes_[index]->machine, prng_);
  }
  void pause_worker(size_t index, uint64_t ms) { processes_[index]->paused_until_ms = now_ms_ + ms; }
  /// What runs in a worker stands still; the worker itself does not.
  void hold_attempts(size_t index, uint64_t ms) {
    for (size_t i = 1; i < processes_[index]->stories.size(); ++i) {
      processes_[index]->stories[i]->wake_at_ms = now_ms_ + ms;
    }
  }
  size_t attempts_running(size_t index) const { return processes_[index]->stories.size() - 1; }
  size_t owner_of(AttemptId attempt) const {
    for (size_t i = 0; i < processes_.size(); ++i) {
      if (processes_[i]->id == attempt.worker) return i;
    }
    return processes_.size();
  }
  void outage(uint64_t ms) { away_until_ms_ = now_ms_ + ms; }
  /// A recorded output of a map goes, or gets other bytes. What the disk does to outputs of reduces nobody could mend.
  void damage_map_output() {
    std::vector<std::string> paths;
    for (const auto& [task, file] : named_files_) {
      if (file.starts_with("m-") && disk.exists(scratch_ + "/" + file)) paths.push_back(scratch_ + "/" + file);
    }
    if (paths.empty()) return;
    const std::string& path = paths[prng_.below(paths.size())];
    damaged_.insert(path);
    std::string& data = disk.names[path].inode->data;
    if (prng_.chance(1, 3) || data.empty()) {
      disk.names.erase(path);
    } else {
      data[prng_.below(data.size())] ^= 0x40;
    }
  }
  void cancel() {
    DirectStore store(*this);
    MemoryFiles files(disk, 0);
    (void)Jobs(store, files).cancel(kJob, 1);
  }
  void resume() {
    DirectStore store(*this);
    MemoryFiles files(disk, 0);
    (void)Jobs(store, files).resume(kJob);
  }
  Status remove() {
    DirectStore store(*this);
    MemoryFiles files(disk, 0);
    return Jobs(store, files).remove(kJob, false);
  }

  // ---- time
  /// One step of one story, or some time. False: nothing lives.
  bool step() {
    std::vector<std::pair<Process*, Story*>> ready;
    uint64_t next_ms = UINT64_MAX;
    bool lives = false;
    for (const auto& process : processes_) {
      for (const auto& story : process->stories) {
        if (story->fiber.has_ended()) continue;
        lives = true;
        const uint64_t at = std::max(story->wake_at_ms, process->paused_until_ms);
        if (at <= now_ms_) ready.emplace_back(process.get(), story.get());
        next_ms = std::min(next_ms, at);
      }
    }
    if (ready.empty()) {
      if (lives) now_ms_ = next_ms;
      return lives;
    }
    if (prng_.chance(1, 4)) now_ms_ += prng_.below(8);
    if (prng_.chance(1, 3)) apply_late_change();
    const auto [process, story] = ready[prng_.below(ready.size())];
    run(*process, *story);
    std::erase_if(process->stories, [](const auto& each) { return each->fiber.has_ended(); });
    return true;
  }
  std::optional<JobRecord> job() const {
    const auto found = values_.find(job_key(kJob));
    if (found == values_.end()) return std::nullopt;
    return JobRecord::parse(found->second).value();
  }
  std::optional<TaskRecord> task(TaskName task) const {
    const auto found = values_.find(task_key(kJob, task));
    if (found == values_.end()) return std::nullopt;
    return TaskRecord::parse(found->second).value();
  }
  size_t workers() const { return processes_.size(); }
  bool is_alive(size_t index) const { return !processes_[index]->stories.empty(); }
  bool is_paused(size_t index) const { return processes_[index]->paused_until_ms > now_ms_; }
  const WorkerCounts& counts(size_t index) const { return processes_[index]->counts; }
  /// Keys that will stay for ever.
  std::vector<std::string> lasting_keys() const {
    std::vector<std::string> keys;
    for (const auto& [key, value] : values_) {
      if (!passing_.contains(key)) keys.push_back(key);
    }
    return keys;
  }
  JobStatus status() {
    DirectStore store(*this);
    MemoryFiles files(disk, 0);
    return Jobs(store, files).status(kJob).value();
  }

 private:
  struct Story {
    explicit Story(std::function<void()> body) : fiber(std::move(body)) {}
    Fiber fiber;
    uint64_t wake_at_ms = 0;
  };

 public:
  /// One worker: a story that takes turns, and one for each attempt.
  struct Process {
    Process(ProtocolWorld& of, int number)
        : world(of), machine(number), files(of.disk, number, [this] { return world.pass(); }) {}
    void spawn(std::function<void()> body) { stories.push_back(std::make_unique<Story>(std::move(body))); }

    ProtocolWorld& world;
    int machine;
    bool is_killed = false;
    uint64_t paused_until_ms = 0;
    MemoryFiles files;
    WorkerId id;
    WorkerCounts counts;
    std::vector<std::unique_ptr<Story>> stories;
  };

 private:
  // ---- stories
  void run(Process& process, Story& story) {
    running_process_ = &process;
    running_story_ = &story;
    story.fiber.resume();
    running_process_ = nullptr;
    running_story_ = nullptr;
  }
  /// Ends all stories of a process where they are. What their destructors still do has no effect.
  void kill(Process& process) {
    process.is_killed = true;
    for (size_t i = 0; i < process.stories.size(); ++i) {
      while (!process.stories[i]->fiber.has_ended()) run(process, *process.stories[i]);
    }
    process.stories.clear();
    late_.erase(process.machine);
  }
  void sleep(uint64_t ms) {
    Process& process = *running_process_;
    Story& story = *running_story_;
    story.wake_at_ms = now_ms_ + ms;
    story.fiber.yield();
    if (process.is_killed) throw Killed{};
  }
  /// Before every step of a file: others may go first. False for who was killed, so that destructors pass.
  bool pass() {
    if (running_process_->is_killed) return false;
    if (std::uncaught_exceptions() > 0) return true;  // a destructor of a living story: it must not throw
    sleep(0);
    return true;
  }

  void live(Process& process) {
    try {
      StoryStore store(*this, process);
      SlotExecutor executor(*this, process);
      process.id = WorkerId(prng_.next() | 1);
      Worker worker(process.id, kJob, store, process.files, executor, [this] { return now_ms_; });
      for (;;) {
        const Result<Worker::Turn> turn = worker.turn(now_ms_);
        process.counts = worker.counts();
        if (turn && turn->is_over) break;
        sleep(turn ? turn->wait_ms : 50);
      }
      while (executor.is_busy()) sleep(10);
    } catch (const Killed&) {
    }
  }

  class SlotExecutor final : public Executor {
   public:
    SlotExecutor(ProtocolWorld& world, Process& process) : world_(world), process_(process) {}
    size_t free_slots() const override { return world_.options_.slots - running_.size(); }
    bool is_busy() const { return !running_.empty(); }
    void start(Assignment assignment) override {
      const Attempt attempt = assignment.attempt;
      auto run = std::make_shared<Run>();
      run->plan = assignment.plan;
      running_[attempt] = run;
      process_.spawn([this, run, assignment = std::move(assignment)] { execute(*run, assignment); });
    }
    void abandon(const Attempt& attempt) override {
      if (const auto found = running_.find(attempt); found != running_.end()) {
        found->second->is_abandoned = true;
        found->second->steps.stop();
      }
      const auto found = std::find_if(finished_.begin(), finished_.end(),
                                      [&](const Finished& each) { return each.attempt == attempt; });
      if (found == finished_.end()) return;
      const Finished finished = std::move(*found);
      finished_.erase(found);
      remove_file(finished);  // others may run before this is done
    }
    std::vector<Finished> take_finished() override { return std::exchange(finished_, {}); }
    Progress progress(const Attempt& attempt) const override {
      const auto found = running_.find(attempt);
      if (found == running_.end()) return {};
      const Steps& steps = found->second->steps;
      Progress progress{steps.bytes_done(), steps.steps(), {}};
      if (attempt.task.kind == TaskKind::kMap) {
        progress.at = BadRecord{found->second->plan->splits[attempt.task.index].name, steps.at()};
      }
      return progress;
    }

   private:
    struct Run {
      Steps steps;
      std::shared_ptr<const Plan> plan;
      bool is_abandoned = false;
    };
    void execute(Run& run, const Assignment& assignment) {
      try {
        AttemptMemory memory(32u << 10, 1);
        AttemptContext context{process_.files, world_.functions_, memory, run.steps, world_.keys_};
        world_.sleep(world_.prng_.below(40));
        Finished finished{assignment.attempt, run_attempt(context, assignment)};
        if (world_.prng_.chance(1, 4)) world_.sleep(world_.prng_.below(300));
        const bool is_wanted = !run.is_abandoned;
        running_.erase(assignment.attempt);
        if (is_wanted) {
          finished_.push_back(std::move(finished));
        } else {
          remove_file(finished);
        }
      } catch (const Killed&) {
      }
    }
    void remove_file(const Finished& finished) {
      const auto* output = std::get_if<Output>(&finished.result);
      if (output != nullptr && !output->file.empty()) {
        (void)process_.files.remove(world_.scratch_ + "/" + output->file);
      }
    }

    ProtocolWorld& world_;
    Process& process_;
    std::map<Attempt, std::shared_ptr<Run>> running_;
    std::vector<Finished> finished_;
  };

  // ---- the store
  struct Change {
    std::string key;
    std::optional<std::string> expected;
    std::string value;
    bool is_passing = false;
  };

  bool apply(const Change& change) {
    const auto found = values_.find(change.key);
    const bool matches =
        change.expected ? found != values_.end() && found->second == *change.expected : found == values_.end();
    if (!matches) return false;
    const std::optional<std::string> before = change.expected;
    values_[change.key] = change.value;
    if (change.is_passing) {
      passing_.insert(change.key);
    } else {
      passing_.erase(change.key);
    }
    check(change.key, before, change.value);
    return true;
  }
  /// A change of unknown outcome may still happen, until its worker makes the next one.
  void apply_late_change() {
    if (late_.empty()) return;
    auto at = late_.begin();
    std::advance(at, static_cast<ptrdiff_t>(prng_.below(late_.size())));
    const Change change = at->second;
    late_.erase(at);
    apply(change);
  }

  class DirectStore : public KeyStore {
   public:
    explicit DirectStore(ProtocolWorld& world) : world_(world) {}
    Result<std::vector<std::optional<std::string>>> read(std::span<const std::string> keys) override {
      std::vector<std::optional<std::string>> values;
      for (const std::string& key : keys) {
        const auto found = world_.values_.find(key);
        values.push_back(found == world_.values_.end() ? std::nullopt : std::optional(found->second));
      }
      return values;
    }
    Result<Changed> create(const std::string& key, std::string_view value, Lifetime lifetime) override {
      return make({key, std::nullopt, std::string(value), lifetime == Lifetime::kFirstDay});
    }
    Result<Changed> replace(const std::string& key, std::string_view expected, std::string_view value) override {
      return make({key, std::string(expected), std::string(value), false});
    }
    Status erase(std::span<const std::string> keys) override {
      for (const std::string& key : keys) {
        world_.values_.erase(key);
        world_.passing_.erase(key);
      }
      return {};
    }

   protected:
    virtual Result<Changed> make(const Change& change) { return world_.apply(change) ? Changed::kYes : Changed::kNo; }
    ProtocolWorld& world_;
  };

  /// The store as a worker reaches it: others go first, it is away for a while, outcomes are unknown.
  class StoryStore final : public DirectStore {
   public:
    StoryStore(ProtocolWorld& world, Process& process) : DirectStore(world), process_(process) {}
    Result<std::vector<std::optional<std::string>>> read(std::span<const std::string> keys) override {
      arrive();
      auto values = DirectStore::read(keys);
      world_.sleep(0);
      return values;
    }

   private:
    void arrive() {
      world_.sleep(world_.prng_.below(3));
      while (world_.away_until_ms_ > world_.now_ms_) world_.sleep(world_.away_until_ms_ - world_.now_ms_);
    }
    Result<Changed> make(const Change& change) override {
      arrive();
      world_.late_.erase(process_.machine);  // too late for the one before
      if (world_.options_.has_unknown_outcomes && world_.prng_.chance(1, 12)) {
        switch (world_.prng_.below(3)) {
          case 0:
            world_.apply(change);
            break;
          case 1:
            world_.late_[process_.machine] = change;
            break;
          default:
            break;
        }
        world_.sleep(world_.prng_.below(100));
        return Changed::kUnknown;
      }
      const Result<Changed> changed = DirectStore::make(change);
      world_.sleep(0);
      return changed;
    }
    Process& process_;
  };

  // ---- what must hold
  void violate(std::string what) { violations.push_back(std::to_string(now_ms_) + " ms: " + std::move(what)); }

  void check(const std::string& key, const std::optional<std::string>& before, const std::string& after) {
    if (key == job_key(kJob)) return check_job(JobRecord::parse(after).value());
    const std::string prefix = std::string(kJobKeyPrefix) + kJob + "}:task:";
    if (!key.starts_with(prefix)) return;
    const TaskRecord old = before ? TaskRecord::parse(*before).value() : TaskRecord{};
    check_task(key.substr(prefix.size()), old, TaskRecord::parse(after).value());
  }
  void check_task(const std::string& task, const TaskRecord& before, const TaskRecord& after) {
    if (before.winner && after.winner && *before.winner != *after.winner)
      violate(task + " was completed by two attempts");
    if (before.winner && !after.winner && is_intact(before.output)) violate(task + ": a good output was taken back");
    if (!after.winner || before.winner == after.winner) return;
    if (before.runner(*after.winner) == nullptr) violate(task + " was completed by an attempt that had been replaced");
    const Output& output = after.output;
    if (output.file.empty()) return;
    if (task.find(output.file.substr(0, 2)) != 0) violate(task + " names a file of another task");
    if (!disk.is_durable(scratch_ + "/" + output.file)) violate(task + " was recorded before its file was synced");
    if (!is_intact(output)) violate(task + " was recorded and its file is not what the record says");
    // The winner's file is its own: nobody else ever wrote there.
    for (const auto& [other, named] : named_files_) {
      if (other != task && named == output.file) violate(task + " and " + other + " name one file");
    }
    if (const auto found = named_by_.find(output.file); found != named_by_.end() && found->second != *after.winner) {
      violate(output.file + " is the output of two attempts");
    }
    named_files_[task] = output.file;
    named_by_[output.file] = *after.winner;
  }
  bool is_intact(const Output& output) {
    const std::string path = scratch_ + "/" + output.file;
    if (damaged_.contains(path)) return false;
    MemoryFiles files(disk, 0);
    if (output.index_at == 0 && !output.file.starts_with("m-"))
      return is_output(files, path, output).ok() && *is_output(files, path, output);
    const auto file = files.open(path);
    if (!file) return false;
    return sections_of(**file, output, 0).ok();
  }
  void check_job(const JobRecord& job) {
    for (const auto& [path, name] : disk.names) {
      if (job.state == JobState::kCancelled && path.starts_with("/out/part-")) {
        violate("the job was cancelled, and " + path + " is seen");
      }
    }
    if (job.state != JobState::kDone) return;
    for (uint32_t partition = 0; partition < job.spec.reduces; ++partition) {
      if (!disk.is_durable(job.output_path(partition))) {
        violate("the job is done and " + job.output_path(partition) + " is not there for good");
      }
    }
  }

  Prng prng_;
  Functions functions_;
  KeySourceOf keys_;
  Options options_;
  uint64_t now_ms_ = 1000;
  uint64_t away_until_ms_ = 0;
  std::string scratch_;
  std::map<std::string, std::string> values_;
  std::set<std::string> passing_;  // keys with a deadline
  std::map<int, Change> late_;     // by machine
  std::set<std::string> damaged_;  // paths
  std::map<std::string, std::string> named_files_;
  std::map<std::string, AttemptId> named_by_;
  std::vector<std::unique_ptr<Process>> processes_;
  Process* running_process_ = nullptr;
  Story* running_story_ = nullptr;
};

}  // namespace torc::mapreduce
