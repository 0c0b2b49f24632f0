#include "storage/completions.h"

#include <utility>

namespace torc::storage {

void Completions::add(std::vector<std::function<void(Status)>> all) {
  for (auto& done : all) queue_.push_back(std::move(done));
}

void Completions::run() {
  if (is_running_) return;
  is_running_ = true;
  const Lifetime::Watch watch = lifetime_.watch();
  while (!queue_.empty()) {
    const auto done = std::move(queue_.front());
    queue_.pop_front();
    done(failure_ ? Status(*failure_) : Status());
    if (watch.is_over()) return;
  }
  is_running_ = false;
}

void Completions::fail(const Error& error) {
  if (!failure_) failure_ = error;
}

}  // namespace torc::storage
