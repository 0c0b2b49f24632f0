// env::CheckpointStore on RocksDB. The .cc file is the only one that includes it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "env/checkpoint_store.h"
#include "host/event_loop.h"

namespace torc::host {

struct RocksDbCheckpointOptions {
  uint64_t file_bytes_max = 256u << 20;  // a generation is cut into sorted files of about this size
  size_t chunk_bytes = 1u << 20;         // operations are handed to the background thread in pieces of about this size
  size_t block_cache_bytes = 8u << 20;
};

/// A generation is written by a background thread as sorted files beside the database ("incoming/") and taken over by
/// it in one step, so writing costs neither a memtable nor a flush (rules.md#cheap-checkpoints). What a crash leaves:
/// all of a generation whose commit was reported, all or nothing of one under way; its files are removed by the next
/// open().
///
/// RocksDB locks the directory for this process.
class RocksDbCheckpointStore final : public env::CheckpointStore {
 public:
  /// Creates the directory if it is missing (its parent must exist). Requires: `loop` outlives the store.
  /// Errors: kCorrupt, kIo, kDiskFull.
  static Result<std::unique_ptr<RocksDbCheckpointStore>> open(const std::string& directory, EventLoop& loop,
                                                              const RocksDbCheckpointOptions& options = {});
  /// Of a directory that is there, and changes nothing in it. Requires: begin() is not called. Errors: as open().
  static Result<std::unique_ptr<RocksDbCheckpointStore>> open_to_read(const std::string& directory, EventLoop& loop);
  /// Finishes commits under way; their callbacks will not run any more. Requires: no writer or reader is left.
  ~RocksDbCheckpointStore() override;

  std::unique_ptr<env::CheckpointWriter> begin() override;
  std::unique_ptr<env::CheckpointReader> read() override;

 private:
  struct Parts;
  explicit RocksDbCheckpointStore(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace torc::host
