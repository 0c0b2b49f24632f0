// Which task a free slot gets.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "mapreduce/bad_records.h"
#include "mapreduce/certain.h"
#include "mapreduce/worker.h"

namespace torc::mapreduce {
namespace {

// Among how many idle tasks a worker chooses: several workers that become free together should not all try the same
// one.
constexpr size_t kSpread = 8;
// A backup costs what it computes: only beside attempts that take clearly longer than the others did.
constexpr uint64_t kSlowMsMin = 2'000;

bool is_slow(uint64_t running_ms, std::optional<uint64_t> median_ms) {
  return median_ms && running_ms > std::max(kSlowMsMin, *median_ms + *median_ms / 2);
}

}  // namespace

Status Worker::look_and_claim(uint64_t now_ms) {
  const std::vector<Choice> all = choices(now_ms);
  for (const Choice& choice : all) {
    if (executor_.free_slots() == 0 || view_.record().state != JobState::kRunning) break;
    if (Status status = claim(choice, now_ms); !status) return status;
  }
  return {};
}

/// The tasks that a free slot of this worker may take, best first. Looks at every open task, also when no slot is free:
/// a lease is counted by looking.
std::vector<Worker::Choice> Worker::choices(uint64_t now_ms) {
  std::vector<Choice> idle;
  std::vector<Choice> expired;
  std::vector<Choice> slow;
  others_.look(now_ms);
  const TaskKind kind = view_.plan() ? view_.phase()->kind() : TaskKind::kPlan;
  const std::optional<uint64_t> median_ms = view_.plan() ? view_.phase()->median_took_ms() : std::nullopt;
  for (const auto& [task, read] : view_.open_tasks()) {
    if (task.kind != kind) continue;
    bool is_own = false;
    bool has_slow = false;
    std::optional<AttemptId> dead;
    for (const Runner& runner : read.record.runners) {
      const bool runs_here = running_.contains(Attempt{task, runner.attempt});
      is_own = is_own || runs_here;
      const StillnessWatch::Watched watched = others_.see(Attempt{task, runner.attempt}, runner.beat);
      // A claim of its own that this worker believed to have lost is dead too, and nobody knows it better.
      const bool is_stray = runner.attempt.worker == id_ && !runs_here;
      if (is_stray || watched.still_ms >= view_.record().spec.lease_ms) dead = runner.attempt;
      has_slow = has_slow || is_slow(watched.all_ms, median_ms);
    }
    if (is_own) continue;
    if (read.record.runners.empty()) {
      idle.push_back({task, std::nullopt});
    } else if (dead) {
      expired.push_back({task, dead});
    } else if (has_slow && view_.record().spec.has_backups && read.record.runners.size() < kRunnersMax) {
      slow.push_back({task, std::nullopt});
    }
  }
  others_.forget_unseen();
  for (size_t i = 0; i < std::min(kSpread, idle.size()); ++i) {
    std::swap(idle[i], idle[i + prng_.below(std::min(kSpread, idle.size()) - i)]);
  }
  idle.insert(idle.end(), expired.begin(), expired.end());
  idle.insert(idle.end(), slow.begin(), slow.end());
  return idle;
}

Status Worker::claim(const Choice& choice, uint64_t now_ms) {
  const TaskRead& read = view_.open_tasks().at(choice.task);
  const uint32_t run = view_.record().run;
  if (read.record.run == run && read.record.failures >= kAttemptsMax) {
    return end_job(JobState::kFailed, choice.task.title() + " failed " + std::to_string(kAttemptsMax) +
                                          " times, the last time with: " + read.record.fault);
  }
  if (read.record.run == run && read.record.lost >= kLossesMax) {
    return end_job(JobState::kFailed, choice.task.title() + " was begun " + std::to_string(kLossesMax) +
                                          " times by workers that ended without a word");
  }
  const std::optional<TaskRecord> next = claimed(read.record, id_, choice.replaced, run);
  if (!next) return {};
  const Attempt attempt{choice.task, next_attempt(read.record, id_)};
  std::string text = next->encode();
  const Result<bool> changed = change(store_, task_key(view_.job(), choice.task), read.text, text, Lifetime::kFirstDay);
  if (!changed) return changed.error();
  if (!*changed) return {};  // somebody was faster; the next turn reads what became of it
  ++counts_.claimed;
  const uint64_t beat_at_ms = now_ms + view_.record().spec.lease_ms / 4;
  running_[attempt] = Running{text, *next, now_ms, beat_at_ms};
  view_.note(choice.task, std::move(text), *next);
  Result<Assignment> assignment = assignment_of(attempt);
  if (!assignment) {
    unreported_.push_back(Finished{attempt, Fault{.message = assignment.error().message}});
    return assignment.error();
  }
  executor_.start(std::move(assignment).value());
  return {};
}

Result<Assignment> Worker::assignment_of(const Attempt& attempt) {
  Assignment assignment{.attempt = attempt, .job = view_.job(), .record = view_.shared_record(), .plan = view_.plan()};
  if (attempt.task.kind == TaskKind::kMap && view_.record().spec.skip_bad_records > 0) {
    const Result<std::optional<std::string>> text = read_one(store_, bad_records_key(view_.job()));
    if (!text) return text.error();
    Result<std::vector<BadRecord>> known = parse_bad_records(text->value_or(""));
    if (!known) return known.error();
    assignment.bad_records = std::move(known).value();
  }
  if (attempt.task.kind == TaskKind::kReduce) assignment.map_outputs = view_.map_outputs();
  return assignment;
}

}  // namespace torc::mapreduce
