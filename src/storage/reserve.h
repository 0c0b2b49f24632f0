// Space that is kept back for what must be written on a full disk (rules.md#full-and-failing-disks).
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/lifetime.h"
#include "env/clock.h"
#include "env/disk.h"

namespace torc::storage {

constexpr std::string_view kReserveName = "reserve";  // of the file

/// A file that says nothing and takes up room. Votes, the first entry of a term and what frees space may have that room
/// when there is no other; so may a start. Otherwise full disks everywhere and one dead leader would be the end: nobody
/// could vote, and nothing could be read any more.
class Reserve {
 public:
  /// `on_change` runs on the loop when is_lacking() changes, `on_fatal` if the file could not be synced.
  Reserve(env::Disk& disk, env::Clock& clock, uint64_t bytes, std::function<void()> on_change,
          std::function<void(const Error&)> on_fatal);
  ~Reserve();
  Reserve(const Reserve&) = delete;
  Reserve& operator=(const Reserve&) = delete;

  /// Has it made in the background, again and again until there is space. To be called once.
  void make();
  /// Gives its space to whoever writes next. It is made again when there is as much space as before.
  void release();
  /// There is no space for it: what little there may be is for what is urgent.
  bool is_lacking() const { return is_lacking_; }
  /// release() would bring some.
  bool is_held() const { return is_held_; }

 private:
  void on_made(const Status& status);
  void set_lacking(bool is_lacking);

  env::Disk& disk_;
  env::Clock& clock_;
  const uint64_t bytes_;
  const std::function<void()> on_change_;
  const std::function<void(const Error&)> on_fatal_;
  bool is_held_ = false;
  bool is_lacking_ = false;
  bool is_making_ = false;
  env::TimerId timer_ = 0;
  Lifetime lifetime_;
};

/// Before the log is open, if something cannot be written: true if there was a reserve to give up.
bool give_up_reserve(env::Disk& disk);

}  // namespace torc::storage
