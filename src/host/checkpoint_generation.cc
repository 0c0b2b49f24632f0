#include "host/checkpoint_generation.h"

#include <filesystem>
#include <system_error>

#include "base/check.h"
#include "base/codec.h"
#include "host/rocksdb_status.h"

namespace torc::host {
namespace {

/// Of a key: what kind of data it is (env/checkpoint_store.h).
constexpr size_t kKindBytes = 2;

}  // namespace

void put_operation(std::string& operations, GenerationOp op, std::string_view first, std::string_view second) {
  put_u8(operations, static_cast<uint8_t>(op));
  put_bytes(operations, first);
  put_bytes(operations, second);
}

Generation::Generation(rocksdb::DB& db, const rocksdb::Options& db_options, std::string path_prefix,
                       uint64_t file_bytes_max)
    : db_(db), db_options_(db_options), path_prefix_(std::move(path_prefix)), file_bytes_max_(file_bytes_max) {}

Generation::~Generation() { remove_files(); }

void Generation::apply(std::string_view operations) {
  Reader reader(operations);
  while (status_.ok() && !reader.at_end()) {
    const auto op = static_cast<GenerationOp>(reader.u8());
    const std::string_view first = reader.bytes();
    const std::string_view second = reader.bytes();
    CHECK(reader.ok());
    apply(op, first, second);
  }
}

rocksdb::Status Generation::stage() {
  finish(points_);
  finish(ranges_);
  return status_;
}

rocksdb::Status Generation::ingest() {
  rocksdb::Status status = stage();
  if (!status.ok()) return status;
  std::vector<std::string> files;
  if (erases_something()) files = range_files_;
  files.insert(files.end(), point_files_.begin(), point_files_.end());
  if (files.empty()) return status;
  // What makes `ok` mean durable: SstFileWriter::Finish() syncs each file; with move_files the database links it into
  // its directory, syncs it again, syncs the directory, and then commits one MANIFEST record for all files, which is
  // always synced (options.manual_wal_flush and the like do not apply). Without write_global_seqno the sequence
  // number stands only in the MANIFEST, so the synced file is not modified again. strace of a
  // one-file generation shows these syncs in this order.
  rocksdb::IngestExternalFileOptions options;
  options.move_files = true;
  options.write_global_seqno = false;
  status = db_.Resume();  // no-op unless an earlier ingest or compaction found the disk full
  if (status.ok()) status = db_.IngestExternalFile(files, options);
  if (status.ok()) remove_files();
  return status;
}

void Generation::apply(GenerationOp op, std::string_view first, std::string_view second) {
  switch (op) {
    case GenerationOp::kPut:
      if (turn_to_kind_of(first) && open(points_, point_files_)) status_ = points_->Put(slice(first), slice(second));
      break;
    case GenerationOp::kErase:
      if (turn_to_kind_of(first) && open(points_, point_files_)) status_ = points_->Delete(slice(first));
      break;
    case GenerationOp::kEraseRange:
      if (open(ranges_, range_files_)) status_ = ranges_->DeleteRange(slice(first), slice(second));
      erased_.emplace_back(first, second);
      return;
  }
  if (points_ && points_->FileSize() >= file_bytes_max_) finish(points_);
}

/// Files that overlap each other are all put on level 0: not for the sake of a range that is empty, as that of a
/// replica's first snapshot is.
bool Generation::erases_something() {
  for (const auto& [begin, end] : erased_) {
    const rocksdb::Slice bound = slice(end);
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    options.iterate_upper_bound = &bound;
    const std::unique_ptr<rocksdb::Iterator> at(db_.NewIterator(options));
    at->Seek(slice(begin));
    if (at->Valid() || !at->status().ok()) return true;
  }
  return false;
}

bool Generation::turn_to_kind_of(std::string_view key) {
  const std::string_view kind = key.substr(0, kKindBytes);
  if (kind == kind_) return true;
  finish(points_);
  if (kind < kind_) status_ = rocksdb::Status::InvalidArgument("keys out of order");  // as within a file
  kind_ = kind;
  return status_.ok();
}

bool Generation::open(SortedFile& file, std::vector<std::string>& files) {
  if (file) return true;
  const std::string path = path_prefix_ + std::to_string(files_created_++) + ".sst";
  file = std::make_unique<rocksdb::SstFileWriter>(rocksdb::EnvOptions(db_options_), db_options_);
  files.push_back(path);
  status_ = file->Open(path);
  return status_.ok();
}

void Generation::finish(SortedFile& file) {
  if (!file) return;
  if (status_.ok()) status_ = file->Finish();
  file.reset();
}

void Generation::remove_files() {
  points_.reset();
  ranges_.reset();
  std::error_code ignored;  // what stays is removed by the next open
  for (const std::string& path : range_files_) std::filesystem::remove(path, ignored);
  for (const std::string& path : point_files_) std::filesystem::remove(path, ignored);
  range_files_.clear();
  point_files_.clear();
}

}  // namespace torc::host
