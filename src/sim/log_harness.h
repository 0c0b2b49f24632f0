// What the log's tests share: a clock that stands still until told, and a log on a simulated disk. Included by tests
// only.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "env/clock.h"
#include "sim/disk.h"
#include "storage/log.h"

namespace torc::storage {

class ManualClock : public env::Clock {
 public:
  Instant now() const override { return now_; }
  WallMs wall_now() const override { return WallMs{now_.ns / 1'000'000}; }
  env::TimerId call_at(Instant when, std::function<void()> callback) override {
    timers_[{when, ++last_id_}] = std::move(callback);
    return last_id_;
  }
  void cancel(env::TimerId timer) override {
    std::erase_if(timers_, [timer](const auto& entry) { return entry.first.second == timer; });
  }
  void advance(Duration by) {
    const Instant until = now_ + by;
    while (!timers_.empty() && timers_.begin()->first.first <= until) {
      now_ = std::max(now_, timers_.begin()->first.first);
      const auto callback = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
      callback();
    }
    now_ = until;
  }
  void forget_timers() { timers_.clear(); }

 private:
  Instant now_{1'000'000'000};
  env::TimerId last_id_ = 0;
  std::map<std::pair<Instant, env::TimerId>, std::function<void()>> timers_;
};

constexpr GroupId kGroup{7};
constexpr GroupId kOtherGroup{9};

inline consensus::Entry entry_of(uint64_t term, uint64_t index, const std::string& text,
                                 consensus::EntryKind kind = consensus::EntryKind::kCommands) {
  return consensus::make_entry(Term(term), LogIndex(index), kind,
                               std::string(consensus::kEntryHeaderBytes, '\0') + text);
}

inline consensus::HardState hard_state_of(uint64_t term, uint64_t vote) {
  return {Term(term),
          vote == 0 ? consensus::ReplicaId() : consensus::ReplicaId{NodeId(vote), ReplicaNumber(100 + vote)}};
}

/// A log whose disk completes only when asked.
class LogHarness {
 public:
  explicit LogHarness(uint64_t segment_bytes = 64 << 10) {
    options.segment_bytes = segment_bytes;
    options.salt = 12345;
    options.on_disk_full_changed = [this](bool is_full) { disk_full_changes.push_back(is_full); };
  }

  Status open() {
    log.reset();
    auto opened = Log::open(disk, clock, options);
    if (!opened.ok()) return opened.error();
    log = std::move(opened).value();
    return {};
  }
  void must_open() {
    const Status status = open();
    CHECK(status.ok()) << status.error().message;
  }
  /// Ends the process without a word to the log's disk, then power fails in the way `prng` says.
  void crash(Prng& prng) {
    log.reset();
    clock.forget_timers();
    disk.crash(prng);
  }
  void crash(const sim::Disk::SectorChoice& choice) {
    log.reset();
    clock.forget_timers();
    disk.crash(choice);
  }
  void append(uint64_t term, uint64_t index, const std::string& text, GroupId group = kGroup) {
    log->append_entries(group, {entry_of(term, index, text)});
  }
  /// Flushes and lets the disk finish; the outcome of the flush.
  Status flush() {
    const auto outcome = std::make_shared<std::optional<Status>>();  // it may come after this has returned
    log->flush([outcome](Status status) { *outcome = std::move(status); });
    disk.run_all();
    if (!*outcome) return Error{ErrorCode::kUnavailable, "still waiting"};
    return **outcome;
  }
  std::vector<std::string> texts(GroupId group = kGroup) {
    const auto found = log->recovered().find(group);
    if (found == log->recovered().end()) return {};
    return texts(group, found->second.start_index + 1, found->second.last_index);
  }
  std::vector<std::string> texts(GroupId group, LogIndex first, LogIndex last) {
    std::vector<std::string> result;
    if (first > last) return result;
    auto entries = log->read(group, first, last, SIZE_MAX);
    CHECK(entries.ok()) << entries.error().message;
    for (const consensus::Entry& entry : entries.value()) result.emplace_back(entry.payload());
    return result;
  }
  std::vector<std::string> file_names() { return disk.list().value(); }

  sim::Disk disk;
  ManualClock clock;
  LogOptions options;
  std::vector<bool> disk_full_changes;
  std::unique_ptr<Log> log;
};

}  // namespace torc::storage
