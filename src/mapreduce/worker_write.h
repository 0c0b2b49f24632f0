// Changes of the record of an attempt that runs here; only for worker*.cc.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "mapreduce/certain.h"
#include "mapreduce/worker.h"

namespace torc::mapreduce {

/// `change` gives the record as it is to be written, or nothing if this attempt has no say any more. The first try
/// takes the record as this worker last wrote it, which saves a reading.
template <typename Change>
Result<Worker::Written> Worker::write(const Attempt& attempt, Change change_of) {
  const std::string key = task_key(view_.job(), attempt.task);
  Running& running = running_.at(attempt);
  for (;;) {
    // A completion whose outcome was unknown may have happened.
    if (running.record.winner == attempt.id) return Written::kYes;
    const std::optional<TaskRecord> next = change_of(running.record);
    if (!next) return Written::kReplaced;
    std::string written = next->encode();
    const Result<bool> changed = change(store_, key, running.text, written);
    if (!changed) return changed.error();
    if (*changed) {
      running.text = std::move(written);
      running.record = *next;
      view_.note(attempt.task, running.text, *next);
      return Written::kYes;
    }
    const Result<std::optional<std::string>> text = read_one(store_, key);
    if (!text) return text.error();
    Result<TaskRecord> record = *text ? TaskRecord::parse(**text) : Result<TaskRecord>(TaskRecord{});
    if (!record) return record.error();
    running.text = *text;
    running.record = std::move(record).value();
  }
}

}  // namespace torc::mapreduce
