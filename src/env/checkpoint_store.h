// Ordered keys and values that survive crashes, written in whole generations (rules.md#images-as-of-an-index).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace torc::env {

/// One generation being written. Keys come in strictly ascending byte order over all calls of put() and erase(). A key
/// may lie inside an erased range if it is put after the call of erase_range(): the range removes what older
/// generations hold, and this generation's puts stay.
/// Destroying an uncommitted writer forgets the generation.
class CheckpointWriter {
 public:
  virtual ~CheckpointWriter() = default;
  virtual void put(std::string_view key, std::string_view value) = 0;
  virtual void erase(std::string_view key) = 0;
  /// [begin, end) of older generations.
  virtual void erase_range(std::string_view begin, std::string_view end) = 0;
  /// Bytes handed over and not yet written by the background task; a caller paces itself by it.
  virtual size_t bytes_pending() const = 0;
  /// Brings what was handed over to the disk, off the loop; `done` runs on the loop. Nothing may be handed over after
  /// it. Errors: kDiskFull (what was handed over is lost), kIo.
  virtual void stage(std::function<void(Status)> done) = 0;
  /// Makes the whole generation visible and durable in one atomic step, off the loop; `done` runs on the loop.
  /// Errors: kDiskFull (the older state stands; a generation that was staged may be committed again), kCorrupt if older
  /// generations cannot be read, kIo.
  virtual void commit(std::function<void(Status)> done) = 0;
};

/// A consistent view, in ascending key order.
class CheckpointReader {
 public:
  virtual ~CheckpointReader() = default;
  /// Positions at the first key >= `key`. Blocking.
  virtual void seek(std::string_view key) = 0;
  virtual bool valid() const = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  virtual void next() = 0;
  /// Not ok when the store could not be read to the end: valid() is false then too. Errors: kCorrupt, a device that
  /// cannot read included; kIo.
  virtual Status status() const = 0;
};

/// Called on the loop only.
class CheckpointStore {
 public:
  virtual ~CheckpointStore() = default;
  /// At most one writer at a time.
  virtual std::unique_ptr<CheckpointWriter> begin() = 0;
  virtual std::unique_ptr<CheckpointReader> read() = 0;
};

}  // namespace torc::env
