#include "host/rocksdb_checkpoint_store.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/rate_limiter.h>
#include <rocksdb/table.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <limits>
#include <system_error>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/lifetime.h"
#include "host/batch_thread.h"
#include "host/checkpoint_generation.h"
#include "host/posix_file.h"
#include "host/rocksdb_status.h"

namespace torc::host {
namespace {

constexpr int64_t kCompactionBytesPerSecondMax = 48u << 20;  // the log shares the disk
constexpr int kOpenFilesMax = 64;
/// What four generations of a group bring there: two files each, the record's and the images'.
constexpr int kLevel0FilesMerged = 8;

using Task = std::function<void()>;
using TaskThread = BatchThread<Task>;

/// RocksDB's info log grows without bound in the data directory and says nothing our Status does not.
class SilentLogger final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::Options database_options(const RocksDbCheckpointOptions& options) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(static_cast<size_t>(options.block_cache_bytes));
  table.block_size = 16u << 10;                // we scan: fewer, larger blocks make the index small
  table.cache_index_and_filter_blocks = true;  // so that the cache's size bounds the indexes' memory too
  table.format_version = 5;

  rocksdb::Options db;
  db.create_if_missing = true;
  db.info_log = std::make_shared<SilentLogger>();
  db.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  db.compression = rocksdb::kNoCompression;  // CPU is scarcer than disk (rules.md#batches); not measured against LZ4
  db.write_buffer_size = 64u << 10;          // never written to
  db.max_open_files = kOpenFilesMax;
  db.max_background_jobs = 1;
  db.max_subcompactions = 1;
  db.target_file_size_base = 64u << 20;
  db.max_bytes_for_level_base = 1u << 30;
  // A generation's file goes as far down as nothing is in its way; where files are in its way on every level it lands
  // on level 0, which is then merged. Nothing is ever written through the memtable, so there is nothing to slow down
  // or stop for.
  db.level0_file_num_compaction_trigger = kLevel0FilesMerged;
  db.level0_slowdown_writes_trigger = std::numeric_limits<int>::max();
  db.level0_stop_writes_trigger = std::numeric_limits<int>::max();
  db.soft_pending_compaction_bytes_limit = 0;
  db.hard_pending_compaction_bytes_limit = 0;
  db.bytes_per_sync = 1u << 20;  // no burst of dirty pages before the log's next fdatasync
  db.rate_limiter.reset(rocksdb::NewGenericRateLimiter(kCompactionBytesPerSecondMax));
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  return db;
}

class Writer final : public env::CheckpointWriter {
 public:
  struct Environment {
    TaskThread& thread;
    EventLoop& loop;
    Lifetime::Watch store_watch;
    size_t chunk_bytes;
    size_t& writers;
  };

  Writer(Environment environment, std::unique_ptr<Generation> generation)
      : environment_(std::move(environment)), generation_(std::move(generation)) {
    ++environment_.writers;
  }
  ~Writer() override {
    --environment_.writers;
    environment_.thread.submit([doomed = std::move(generation_)]() mutable { doomed.reset(); });
  }

  void put(std::string_view key, std::string_view value) override { append(GenerationOp::kPut, key, value); }
  void erase(std::string_view key) override { append(GenerationOp::kErase, key, {}); }
  void erase_range(std::string_view begin, std::string_view end) override {
    if (begin < end) append(GenerationOp::kEraseRange, begin, end);
  }
  size_t bytes_pending() const override { return bytes_pending_->load(std::memory_order_relaxed); }

  void stage(std::function<void(Status)> done) override { finish(&Generation::stage, std::move(done)); }
  void commit(std::function<void(Status)> done) override { finish(&Generation::ingest, std::move(done)); }

 private:
  void finish(rocksdb::Status (Generation::*step)(), std::function<void(Status)> done) {
    hand_over();
    is_closed_ = true;
    environment_.thread.submit([generation = generation_, step, done = std::move(done), &loop = environment_.loop,
                                watch = environment_.store_watch]() mutable {
      Status status = to_status(((*generation).*step)(), "cannot write the checkpoint");
      generation.reset();
      loop.post([done = std::move(done), status = std::move(status), watch = std::move(watch)] {
        if (!watch.is_over()) done(status);
      });
    });
  }

  void append(GenerationOp op, std::string_view first, std::string_view second) {
    CHECK(!is_closed_) << "written to after stage or commit";
    put_operation(chunk_, op, first, second);
    if (chunk_.size() >= environment_.chunk_bytes) hand_over();
  }

  void hand_over() {
    if (chunk_.empty()) return;
    bytes_pending_->fetch_add(chunk_.size(), std::memory_order_relaxed);
    environment_.thread.submit([generation = generation_, chunk = std::move(chunk_), pending = bytes_pending_] {
      generation->apply(chunk);
      pending->fetch_sub(chunk.size(), std::memory_order_relaxed);
    });
    chunk_.clear();
    chunk_.reserve(environment_.chunk_bytes);
  }

  Environment environment_;
  std::shared_ptr<Generation> generation_;  // the last task to hold it lets it go on the background thread
  bool is_closed_ = false;
  std::string chunk_;
  std::shared_ptr<std::atomic<size_t>> bytes_pending_ = std::make_shared<std::atomic<size_t>>(0);
};

/// A RocksDB iterator is a consistent view by itself: it pins the files as of its creation.
class IteratorReader final : public env::CheckpointReader {
 public:
  explicit IteratorReader(std::unique_ptr<rocksdb::Iterator> iterator) : iterator_(std::move(iterator)) {}

  void seek(std::string_view key) override { iterator_->Seek(slice(key)); }
  bool valid() const override { return iterator_->Valid(); }
  std::string_view key() const override { return {iterator_->key().data(), iterator_->key().size()}; }
  std::string_view value() const override { return {iterator_->value().data(), iterator_->value().size()}; }
  void next() override { iterator_->Next(); }
  Status status() const override { return to_status(iterator_->status(), "cannot read the checkpoint"); }

 private:
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

}  // namespace

struct RocksDbCheckpointStore::Parts {
  Parts(const RocksDbCheckpointOptions& store_options, std::string incoming_directory, EventLoop& event_loop)
      : options(store_options),
        db_options(database_options(store_options)),
        incoming(std::move(incoming_directory)),
        loop(event_loop) {}

  const RocksDbCheckpointOptions options;
  const rocksdb::Options db_options;
  const std::string incoming;
  EventLoop& loop;
  std::unique_ptr<rocksdb::DB> db;
  size_t writers = 0;
  uint64_t generations_begun = 0;
  Lifetime lifetime;
  TaskThread thread{[](std::vector<Task>& tasks) {
    for (Task& task : tasks) std::exchange(task, nullptr)();
  }};  // last: it uses the rest until it is joined
};

RocksDbCheckpointStore::RocksDbCheckpointStore(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

RocksDbCheckpointStore::~RocksDbCheckpointStore() { CHECK(parts_->writers == 0) << "a writer outlives its store"; }

Result<std::unique_ptr<RocksDbCheckpointStore>> RocksDbCheckpointStore::open(const std::string& directory,
                                                                             EventLoop& loop,
                                                                             const RocksDbCheckpointOptions& options) {
  auto parts = std::make_unique<Parts>(options, directory + "/incoming", loop);
  if (const Status made = make_directory(directory); !made.ok()) return made.error();
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(parts->db_options, directory, &db);
  if (!opened.ok()) return to_status(opened, "cannot open the checkpoint store " + directory).error();
  parts->db.reset(db);
  std::error_code error;
  std::filesystem::remove_all(parts->incoming, error);
  if (!error) std::filesystem::create_directory(parts->incoming, error);
  if (error) return errno_error(error.value(), "cannot prepare", parts->incoming);
  return std::unique_ptr<RocksDbCheckpointStore>(new RocksDbCheckpointStore(std::move(parts)));
}

Result<std::unique_ptr<RocksDbCheckpointStore>> RocksDbCheckpointStore::open_to_read(const std::string& directory,
                                                                                     EventLoop& loop) {
  auto parts = std::make_unique<Parts>(RocksDbCheckpointOptions(), directory + "/incoming", loop);
  rocksdb::Options db_options = parts->db_options;
  db_options.create_if_missing = false;
  db_options.paranoid_checks = false;  // one bad file is no reason not to read the others
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::OpenForReadOnly(db_options, directory, &db);
  if (!opened.ok()) return to_status(opened, "cannot open the checkpoint store " + directory).error();
  parts->db.reset(db);
  return std::unique_ptr<RocksDbCheckpointStore>(new RocksDbCheckpointStore(std::move(parts)));
}

std::unique_ptr<env::CheckpointWriter> RocksDbCheckpointStore::begin() {
  const std::string prefix = parts_->incoming + "/" + std::to_string(parts_->generations_begun++) + "-";
  return std::make_unique<Writer>(
      Writer::Environment{parts_->thread, parts_->loop, parts_->lifetime.watch(), parts_->options.chunk_bytes,
                          parts_->writers},
      std::make_unique<Generation>(*parts_->db, parts_->db_options, prefix, parts_->options.file_bytes_max));
}

uint64_t RocksDbCheckpointStore::level_0_files() const {
  std::string files;
  CHECK(parts_->db->GetProperty("rocksdb.num-files-at-level0", &files));
  return std::stoull(files);
}

std::unique_ptr<env::CheckpointReader> RocksDbCheckpointStore::read() {
  rocksdb::ReadOptions options;
  options.fill_cache = false;  // a scan would only push the indexes out
  options.readahead_size = 1u << 20;
  std::unique_ptr<rocksdb::Iterator> iterator(parts_->db->NewIterator(options));
  iterator->SeekToFirst();
  return std::make_unique<IteratorReader>(std::move(iterator));
}

}  // namespace torc::host
