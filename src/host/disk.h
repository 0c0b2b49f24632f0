// env::Disk on a real directory.
#pragma once

#include <memory>
#include <string>

#include "env/disk.h"
#include "host/event_loop.h"

namespace torc::host {

/// The data directory, locked for this process. One thread writes and syncs, in order, everything queued per wake-up;
/// a second one prepares files, so that zero-filling never stands before a log write.
///
/// What a crash leaves: writes whose `done` reported ok after a sync; any mix of the others. replace() leaves the old
/// or the new contents, possibly a "*.tmp" file that the next open() removes. remove() may be undone.
class FileDisk final : public env::Disk {
 public:
  /// Creates the directory if it is missing (its parent must exist). Requires: `loop` outlives the disk.
  /// Errors: kUnavailable if another process holds the directory, kIo, kDiskFull.
  static Result<std::unique_ptr<FileDisk>> open(const std::string& directory, EventLoop& loop);
  /// Waits for queued writes. Callbacks that have not run yet will not run any more.
  ~FileDisk() override;

  // Names are plain: kInvalid for an empty one, a slash, a leading dot, "lock", or a "*.tmp".
  Result<std::vector<std::string>> list() override;
  Result<std::unique_ptr<env::File>> open(const std::string& name) override;
  void prepare(const std::string& name, uint64_t bytes, env::DiskCallback done) override;
  /// Errors: kIo if it exists.
  Result<std::unique_ptr<env::File>> create(const std::string& name) override;
  Status replace(const std::string& name, std::string_view contents) override;
  Result<std::string> read_all(const std::string& name) override;
  Status remove(const std::string& name) override;

 private:
  struct Parts;
  explicit FileDisk(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace torc::host
