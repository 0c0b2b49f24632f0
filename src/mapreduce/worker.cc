#include "mapreduce/worker.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "mapreduce/certain.h"
#include "mapreduce/publish.h"
#include "mapreduce/worker_write.h"

namespace torc::mapreduce {
namespace {

constexpr uint64_t kIdleMsMin = 5;
constexpr uint64_t kIdleMsMax = 100;
constexpr uint64_t kBusyMsMax = 500;  // between turns with no free slot: how late a cancelled job is noticed
constexpr uint64_t kGapMsMax = 250;   // what a gap between two looks counts at most
constexpr uint64_t kBeatsPerLease = 4;
constexpr uint32_t kPublishTries = 20;

}  // namespace

Worker::Worker(WorkerId id, std::string job, KeyStore& store, FileSystem& files, Executor& executor,
               std::function<uint64_t()> unix_ms)
    : id_(id),
      store_(store),
      files_(files),
      executor_(executor),
      unix_ms_(std::move(unix_ms)),
      view_(store, std::move(job)),
      prng_(id.value),
      others_(kGapMsMax),
      own_(kGapMsMax) {
  CHECK(id);
}

Result<Worker::Turn> Worker::turn(uint64_t now_ms) {
  const Result<JobView::Refreshed> refreshed = view_.refresh();
  if (!refreshed) return refreshed.error();
  is_gone_ = *refreshed != JobView::Refreshed::kFine;
  if (is_gone_ || view_.record().is_ended()) {
    abandon_all();
    return Turn{.is_over = true};
  }
  if (Status status = report_finished(now_ms); !status) return status.error();
  if (view_.record().state == JobState::kPublishing) {
    abandon_all();  // backups that lost
    const Result<bool> is_over = publish_all();
    if (!is_over) return is_over.error();
    return Turn{.is_over = *is_over, .wait_ms = kIdleMsMax};
  }
  check_stuck(now_ms);
  if (Status status = beat(now_ms); !status) return status.error();
  const uint64_t claimed_before = counts_.claimed;
  if (Status status = look_and_claim(now_ms); !status) return status.error();
  if (Status status = finish_if_all_done(); !status) return status.error();
  if (view_.record().state != JobState::kRunning || view_.all_done()) return Turn{.wait_ms = 0};
  idle_ms_ = counts_.claimed != claimed_before ? 0 : std::clamp(2 * idle_ms_, kIdleMsMin, kIdleMsMax);
  uint64_t wait_ms = executor_.free_slots() > 0 ? idle_ms_ : kBusyMsMax;
  for (const auto& [attempt, running] : running_) {
    wait_ms = std::min(wait_ms, running.beat_at_ms > now_ms ? running.beat_at_ms - now_ms : 0);
  }
  return Turn{.wait_ms = wait_ms};
}

Status Worker::beat(uint64_t now_ms) {
  std::vector<Attempt> due;
  for (const auto& [attempt, running] : running_) {
    if (running.beat_at_ms <= now_ms) due.push_back(attempt);
  }
  for (const Attempt& attempt : due) {
    const Result<Written> written = write_beat(attempt);
    if (!written) return written.error();
    if (*written == Written::kYes) {
      running_[attempt].beat_at_ms = now_ms + view_.record().spec.lease_ms / kBeatsPerLease;
    } else {
      ++counts_.beaten;
      executor_.abandon(attempt);
      running_.erase(attempt);
    }
  }
  return {};
}

Result<Worker::Written> Worker::write_beat(const Attempt& attempt) {
  const uint64_t bytes_done = executor_.progress(attempt).bytes_done;
  return write(attempt, [&](TaskRecord record) { return beaten(std::move(record), attempt.id, bytes_done); });
}

/// A map that stays in one record for too long is treated as one that cannot take the record.
void Worker::check_stuck(uint64_t now_ms) {
  own_.look(now_ms);
  std::vector<Finished> stuck;
  for (auto& [attempt, running] : running_) {
    if (running.is_stuck) continue;
    const Progress progress = executor_.progress(attempt);
    const StillnessWatch::Watched watched = own_.see(attempt, progress.steps);
    if (watched.still_ms < view_.record().spec.record_timeout_ms) continue;
    Fault fault{.kind = Fault::Kind::kFailed, .record = progress.at};
    const std::string after = " for " + std::to_string(watched.still_ms / 1000) + " s";
    if (attempt.task.kind == TaskKind::kMap && !progress.at.input.empty()) {
      fault.kind = Fault::Kind::kBadRecord;
      fault.message = progress.at.input + ", byte " + std::to_string(progress.at.at) +
                      ": the map did not return from this record" + after;
    } else {
      fault.message = attempt.task.title() + " did not get on" + after;
    }
    running.is_stuck = true;
    stuck.push_back(Finished{attempt, std::move(fault)});
  }
  own_.forget_unseen();
  for (Finished& finished : stuck) {
    executor_.abandon(finished.attempt);
    unreported_.push_back(std::move(finished));
  }
}

Status Worker::end_job(JobState state, std::string reason) {
  JobRecord ended = view_.record();
  ended.state = state;
  ended.reason = std::move(reason);
  if (ended.is_ended()) ended.ended_ms = unix_ms_();
  if (state == JobState::kDone) ended.counters = view_.totals();
  const Result<bool> changed = change(store_, job_key(view_.job()), view_.record_text(), ended.encode());
  if (!changed) return changed.error();
  const Result<JobView::Refreshed> refreshed = view_.refresh();  // whoever won
  return refreshed ? Status() : Status(refreshed.error());
}

/// From here on the outputs will be published, and nothing else can become of the job.
Status Worker::finish_if_all_done() {
  if (!view_.all_done() || view_.record().state != JobState::kRunning) return {};
  return end_job(JobState::kPublishing, {});
}

/// True if the job has ended. What the disk refuses is tried again, for a while.
Result<bool> Worker::publish_all() {
  if (!view_.all_done()) return false;
  const Status published = publish(files_, view_.record(), view_.reduces());
  if (!published && published.error().code != ErrorCode::kInvalid && ++publish_refused_ < kPublishTries) return false;
  // Who was stopped in the middle finds outputs that their owner has used and removed since: read the record again
  // before anything is said about them.
  const Result<JobView::Refreshed> refreshed = view_.refresh();
  if (!refreshed) return refreshed.error();
  if (*refreshed != JobView::Refreshed::kFine || view_.record().state != JobState::kPublishing) return true;
  const Status ended = published ? end_job(JobState::kDone, {}) : end_job(JobState::kFailed, published.error().message);
  if (!ended) return ended.error();
  if (published) (void)files_.remove_tree(view_.record().scratch());
  return true;
}

void Worker::abandon_all() {
  for (const auto& [attempt, running] : running_) executor_.abandon(attempt);
  running_.clear();
  unreported_.clear();
}

void Worker::leave() {
  const std::map<Attempt, Running> running = running_;
  for (const auto& each : running) {
    const Attempt& attempt = each.first;
    executor_.abandon(attempt);
    const Result<Written> written =
        write(attempt, [&](TaskRecord record) { return released(std::move(record), attempt.id); });
    if (!written) break;  // their leases will run out
  }
  running_.clear();
  unreported_.clear();
}

}  // namespace torc::mapreduce
