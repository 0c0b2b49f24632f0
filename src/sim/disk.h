// A data directory in memory that forgets, on a crash, what no sync covered: the disk of tests and of the simulator.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/lifetime.h"
#include "base/prng.h"
#include "base/time.h"
#include "env/disk.h"
#include "sim/file_contents.h"
#include "sim/work.h"

namespace torc::sim {

/// What a device writes in one piece: a sector is old or new, never half of each.
constexpr size_t kSectorBytes = 512;
/// What the page cache writes back in one piece, unless power fails in the middle.
constexpr size_t kPageBytes = 4096;

/// Damage may hit a sector once so many later writes were synced: the log's later records then note that it was durable
/// (rules.md#torn-or-damaged), so whoever reads it can tell damage from a torn tail. Of the last batch nobody could,
/// see docs/testing.md.
constexpr uint64_t kSettledSyncs = 3;

/// What a device does to bytes that a completed sync had covered.
enum class Damage : uint8_t {
  kBitFlip,
  kLostWrite,         // the sector still holds what stood there before its last write
  kMisdirectedWrite,  // the same, and what should have been written there stands in another sector
};

/// Runs `work` once, `delay` from now. Work given with shorter delays may run first.
using Scheduler = std::function<void(Duration delay, std::function<void()> work)>;

struct DiskOptions {
  uint64_t seed = 0;  // of delays and of where a full disk stops
  Duration delay_min = 20us;
  Duration delay_max = 300us;
  uint64_t capacity_bytes = std::numeric_limits<uint64_t>::max();
};

/// The sectors that one write left behind and no sync has covered yet, as they stood after it.
struct UnsyncedWrite {
  uint64_t first_sector = 0;
  uint64_t last_sector = 0;
  FileContents contents;         // of these sectors only, where they stand in the file
  std::set<uint64_t> forgotten;  // by a failed sync: they are clean in the cache, and no sync will write them

  bool has(uint64_t sector) const {
    return first_sector <= sector && sector <= last_sector && !forgotten.contains(sector);
  }
};

/// One file as its process sees it and as the device holds it. For Disk and its tests of itself only.
struct DiskFile {
  FileContents cached;   // what reads see
  FileContents durable;  // what survives every crash
  /// Oldest first: what a sector was after any of them may be what a crash leaves there.
  std::vector<UnsyncedWrite> unsynced;
  bool reads_fail = false;

  // ---- for damage: what each sector held before its last sync, and how many syncs there had been at that ----
  FileContents former;
  std::vector<uint64_t> synced_at;
};

/// Deterministic: equal options and equal calls give equal contents, completions and crashes.
class Disk : public env::Disk {
 public:
  /// Without a scheduler nothing completes until run_one() or run_all() is called.
  /// `meter` is told what its process does, if there is one.
  explicit Disk(const DiskOptions& options = {}, Scheduler scheduler = {}, WorkMeter* meter = nullptr);

  Result<std::vector<std::string>> list() override;
  Result<std::unique_ptr<env::File>> open(const std::string& name) override;
  void prepare(const std::string& name, uint64_t bytes, env::DiskCallback done) override;
  Result<std::unique_ptr<env::File>> create(const std::string& name) override;
  Status replace(const std::string& name, std::string_view contents) override;
  Result<std::string> read_all(const std::string& name) override;
  /// The removal itself is durable only with the next create, prepare or replace: a crash may bring the file back.
  Status remove(const std::string& name) override;

  // ---- completions: operations take effect and complete in the order they were submitted ----
  size_t queued() const { return queue_.size(); }
  bool run_one();
  void run_all();

  // ---- crashes: files opened before do nothing any more, callbacks of before never run ----
  /// Which content a sector keeps: 0 is the durable one, n the n-th written since the last sync; larger is the newest.
  using SectorChoice = std::function<size_t(const std::string& file, uint64_t sector, size_t version_count)>;
  /// Power fails. Some queued operations were already done, one may be half done; every unsynced page then
  /// independently survives, is lost, or is torn between sectors.
  void crash(Prng& prng);
  /// Power fails with nothing of the queue done, and `choice` decides each unsynced sector.
  void crash(const SectorChoice& choice);
  /// Only the process dies: what it wrote stays in the page cache, readable and still not durable.
  void kill(Prng& prng);

  // ---- faults ----
  void set_capacity_bytes(uint64_t bytes) { options_.capacity_bytes = bytes; }
  uint64_t bytes_used() const;
  bool is_overfull() const { return bytes_used() > options_.capacity_bytes; }
  /// `forgets_pages`: of the pages the sync should have written some are clean then although the device does not have
  /// them, so that a later sync succeeds and a power loss takes them back (as Linux does it).
  void fail_next_sync(bool forgets_pages = false) {
    next_sync_fails_ = true;
    failed_sync_forgets_ = forgets_pages;
  }
  /// All files as the process sees them, as a snapshot of the machine would have them.
  using Copy = std::map<std::string, decltype(DiskFile::cached)>;
  Copy copy() const;
  /// The directory is what it was when it was copied. Requires: no file is open (crash() or kill() came before).
  void put_back(const Copy& copy);
  /// Damages durable, settled bytes, in the cache as well. Returns what it did, empty if there is nothing to damage.
  std::string damage(Damage kind, Prng& prng);
  void set_reads_fail(const std::string& name, bool fail);
  /// Flips bit `bit` (0 to 7) of a byte, in the cache and on the device. Requires: the byte exists.
  void flip_bit(const std::string& name, uint64_t offset, int bit);
  /// Sectors of a file that a crash may take back.
  std::vector<uint64_t> unsynced_sectors(const std::string& name) const;

 private:
  friend class DiskHandle;
  struct Operation {
    std::function<Status()> effect;          // what happens at the device
    std::function<void(Prng&)> half_effect;  // what an interrupted one may leave behind
    env::DiskCallback done;
  };
  void submit(Operation operation);
  Status write(DiskFile& file, uint64_t offset, const std::vector<Bytes>& chunks);
  Status sync(DiskFile& file);
  Status fail_sync(DiskFile& file);
  struct Sector {
    std::string name;
    DiskFile* file = nullptr;
    uint64_t number = 0;
  };
  std::vector<Sector> settled_sectors(bool must_differ_from_former) const;
  void work(Work kind, uint64_t bytes) const {
    if (meter_ != nullptr) meter_->work(kind, 1, bytes);
  }
  void wait_for_sync() const;
  void do_some_of_queue(Prng& prng);
  void lose_unsynced(const SectorChoice& choice);
  void forget_process();

  DiskOptions options_;
  Scheduler scheduler_;
  WorkMeter* meter_;
  Prng prng_;
  uint64_t life_ = 0;  // counts crashes, so that the past's callbacks are known
  std::map<std::string, std::shared_ptr<DiskFile>> files_;
  std::map<std::string, std::shared_ptr<DiskFile>> removed_;  // not yet durably
  std::deque<Operation> queue_;
  bool next_sync_fails_ = false;
  bool failed_sync_forgets_ = false;
  uint64_t write_syncs_ = 0;  // completed, of writes to open files
  Lifetime lifetime_;
};

}  // namespace torc::sim
