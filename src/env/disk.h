// The data directory as an interface. A crash loses whatever no completed sync covers; tests and the simulator rely on
// it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace torc::env {

using DiskCallback = std::function<void(Status)>;

/// One open file of the data directory.
class File {
 public:
  virtual ~File() = default;
  /// Writes `chunks` one after the other from `offset`, then syncs the data if `sync` (fdatasync). The work happens off
  /// the loop, in submission order; `done` runs on the loop. The callee shares the chunks until then.
  /// Errors: kDiskFull (nothing was promised, the range may hold any mix of old and new bytes), kIo. After a failed
  /// sync the file's contents are unknown: stop the node (rules.md#full-and-failing-disks).
  virtual void write(uint64_t offset, std::vector<Bytes> chunks, bool sync, DiskCallback done) = 0;
  /// Blocking; up to `count` bytes, fewer at the end of the file. Errors: kCorrupt if the device cannot read them any
  /// more, kIo.
  virtual Result<std::string> read(uint64_t offset, size_t count) = 0;
  virtual Result<uint64_t> size() = 0;
};

/// One flat data directory, locked against a second process. Called on the loop only.
class Disk {
 public:
  virtual ~Disk() = default;
  /// File names, sorted.
  virtual Result<std::vector<std::string>> list() = 0;
  /// Errors: kNotFound.
  virtual Result<std::unique_ptr<File>> open(const std::string& name) = 0;
  /// Creates `name` (or reuses it as it is), fills it with zeros up to `bytes` if it is shorter, syncs file and
  /// directory; all of it off the loop (and not before queued log writes). `done` runs on the loop.
  virtual void prepare(const std::string& name, uint64_t bytes, DiskCallback done) = 0;
  /// Creates an empty file and syncs the directory. Blocking; for the first segment of a new directory.
  virtual Result<std::unique_ptr<File>> create(const std::string& name) = 0;
  /// Blocking: the whole contents replaced in one durable, atomic step (temporary file, sync, rename, sync directory).
  virtual Status replace(const std::string& name, std::string_view contents) = 0;
  /// Blocking: whole contents. Errors: kNotFound, kCorrupt as File::read, kIo.
  virtual Result<std::string> read_all(const std::string& name) = 0;
  virtual Status remove(const std::string& name) = 0;
};

}  // namespace torc::env
