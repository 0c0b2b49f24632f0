// One generation of a checkpoint on its way into RocksDB: sorted files, ingested together.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace torc::host {

enum class GenerationOp : uint8_t { kPut, kErase, kEraseRange };

/// Appends one change to `operations`, for Generation::apply(). `second`: a put's value, a range's end.
void put_operation(std::string& operations, GenerationOp op, std::string_view first, std::string_view second);

/// One generation, as the background thread knows it. Sorted files accept keys only in ascending order, and RocksDB
/// gives no promise for a range tombstone beside points of the same file; so the erased ranges get files of their own,
/// which are ingested first: of overlapping files in one call a later one is newer.
/// Each kind of keys gets files of its own too: one file with the group's record in front of all data and the images of
/// an arc behind would span the arcs in between, overlap with every other group's generations, and end on level 0 with
/// them.
///
/// Used by the background thread alone, after it was made.
class Generation {
 public:
  /// The files' paths begin with `path_prefix`; they are cut at about `file_bytes_max`. `db` outlives this.
  Generation(rocksdb::DB& db, const rocksdb::Options& db_options, std::string path_prefix, uint64_t file_bytes_max);
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  /// After the first failure nothing is written any more; ingest() reports it. Requires: keys in ascending order, also
  /// from call to call.
  void apply(std::string_view operations);
  /// Every file is complete and synced. After a failure here the generation is lost.
  rocksdb::Status stage();
  /// The generation is in the database, durably. May be called again after a failure: the files stay.
  rocksdb::Status ingest();

 private:
  using SortedFile = std::unique_ptr<rocksdb::SstFileWriter>;  // null: none is open

  void apply(GenerationOp op, std::string_view first, std::string_view second);
  bool erases_something();
  bool turn_to_kind_of(std::string_view key);
  bool open(SortedFile& file, std::vector<std::string>& files);
  void finish(SortedFile& file);
  void remove_files();

  rocksdb::DB& db_;
  const rocksdb::Options& db_options_;
  const std::string path_prefix_;
  const uint64_t file_bytes_max_;
  uint64_t files_created_ = 0;
  SortedFile points_;
  std::string kind_;  // of the keys in it
  SortedFile ranges_;
  std::vector<std::string> point_files_;  // in ascending key order
  std::vector<std::string> range_files_;
  std::vector<std::pair<std::string, std::string>> erased_;
  rocksdb::Status status_;
};

}  // namespace torc::host
