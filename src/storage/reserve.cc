#include "storage/reserve.h"

#include <string>
#include <utility>

namespace torc::storage {
namespace {

/// Each attempt fills what is left of the disk with zeros, and gives it back.
constexpr Duration kRetryDelay = 2s;

}  // namespace

Reserve::Reserve(env::Disk& disk, env::Clock& clock, uint64_t bytes, std::function<void()> on_change,
                 std::function<void(const Error&)> on_fatal)
    : disk_(disk), clock_(clock), bytes_(bytes), on_change_(std::move(on_change)), on_fatal_(std::move(on_fatal)) {}

Reserve::~Reserve() { clock_.cancel(timer_); }

void Reserve::make() {
  if (bytes_ == 0 || is_making_) return;
  is_making_ = true;
  disk_.prepare(std::string(kReserveName), bytes_, lifetime_.bind([this](const Status& status) { on_made(status); }));
}

void Reserve::release() {
  if (!std::exchange(is_held_, false)) return;
  (void)disk_.remove(std::string(kReserveName));  // what needs the space finds out
  set_lacking(true);
  timer_ = clock_.call_at(clock_.now() + kRetryDelay, [this] { make(); });
}

void Reserve::on_made(const Status& status) {
  is_making_ = false;
  if (status.ok()) {
    is_held_ = true;
    return set_lacking(false);
  }
  if (status.error().code != ErrorCode::kDiskFull) return on_fatal_(status.error());
  (void)disk_.remove(std::string(kReserveName));
  timer_ = clock_.call_at(clock_.now() + kRetryDelay, [this] { make(); });
  set_lacking(true);
}

void Reserve::set_lacking(bool is_lacking) {
  if (std::exchange(is_lacking_, is_lacking) != is_lacking) on_change_();
}

bool give_up_reserve(env::Disk& disk) { return disk.remove(std::string(kReserveName)).ok(); }

}  // namespace torc::storage
