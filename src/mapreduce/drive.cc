#include "mapreduce/drive.h"

#include <sys/random.h>

#include <chrono>

#include "base/check.h"

namespace torc::mapreduce {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSignalLook{100};  // how late a signal is noticed

uint64_t steady_ms() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

}  // namespace

uint64_t random_number() {
  uint64_t number = 0;
  while (number == 0) CHECK(::getrandom(&number, sizeof number, 0) == sizeof number);
  return number;
}

uint64_t unix_ms() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
}

Result<std::optional<JobRecord>> work(WorkerId id, const std::string& job, KeyStore& store, FileSystem& files,
                                      ThreadExecutor& executor, const std::function<bool()>& should_stop) {
  Worker worker(id, job, store, files, executor, unix_ms);
  for (;;) {
    if (should_stop()) {
      worker.leave();
      return worker.view().has_record() ? std::optional(worker.view().record()) : std::nullopt;
    }
    const Result<Worker::Turn> turn = worker.turn(steady_ms());
    if (!turn) {
      worker.leave();
      return turn.error();
    }
    if (turn->is_over) {
      if (!worker.view().has_record() || worker.is_gone()) return std::optional<JobRecord>();
      return std::optional(worker.view().record());
    }
    executor.wait(std::min(milliseconds(turn->wait_ms), kSignalLook));
  }
}

}  // namespace torc::mapreduce
