#include "sim/disk.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace torc::sim {
namespace {

uint64_t sector_begin(uint64_t sector) { return sector * kSectorBytes; }
uint64_t sector_end(uint64_t sector) { return (sector + 1) * kSectorBytes; }

uint64_t total_bytes(const std::vector<Bytes>& chunks) {
  uint64_t total = 0;
  for (const Bytes& chunk : chunks) total += chunk.size();
  return total;
}

/// The first `count` bytes of `chunks`.
std::vector<Bytes> front_of(const std::vector<Bytes>& chunks, uint64_t count) {
  std::vector<Bytes> front;
  for (const Bytes& chunk : chunks) {
    front.push_back(chunk.slice(0, count));
    count -= front.back().size();
  }
  return front;
}

/// Sectors that a crash may take back: each, ascending, with the writes it is in, oldest first.
std::map<uint64_t, std::vector<const UnsyncedWrite*>> unsynced_versions(const DiskFile& file) {
  std::map<uint64_t, std::vector<const UnsyncedWrite*>> versions;
  for (const UnsyncedWrite& write : file.unsynced) {
    for (uint64_t sector = write.first_sector; sector <= write.last_sector; ++sector) {
      if (write.has(sector)) versions[sector].push_back(&write);
    }
  }
  return versions;
}

/// Runs of sectors, [first, last], that some unsynced write has: ascending and disjoint.
std::vector<std::pair<uint64_t, uint64_t>> unsynced_runs(const DiskFile& file) {
  std::vector<std::pair<uint64_t, uint64_t>> runs;
  for (const UnsyncedWrite& write : file.unsynced) {
    uint64_t first = write.first_sector;
    for (const uint64_t hole : write.forgotten) {
      if (first < hole) runs.emplace_back(first, hole - 1);
      first = hole + 1;
    }
    if (first <= write.last_sector) runs.emplace_back(first, write.last_sector);
  }
  std::ranges::sort(runs);
  std::vector<std::pair<uint64_t, uint64_t>> merged;
  for (const auto& [first, last] : runs) {
    if (merged.empty() || first > merged.back().second + 1) merged.emplace_back(first, last);
    merged.back().second = std::max(merged.back().second, last);
  }
  return merged;
}

}  // namespace

class DiskHandle : public env::File {
 public:
  DiskHandle(Disk& disk, std::shared_ptr<DiskFile> file) : disk_(disk), life_(disk.life_), file_(std::move(file)) {}

  void write(uint64_t offset, std::vector<Bytes> chunks, bool sync, env::DiskCallback done) override {
    if (life_ != disk_.life_) return;
    disk_.work(Work::kDiskWrite, total_bytes(chunks));
    Disk::Operation operation;
    operation.effect = [&disk = disk_, file = file_, offset, chunks, sync]() -> Status {
      if (Status written = disk.write(*file, offset, chunks); !written.ok()) return written;
      if (!sync) return {};
      const Status synced = disk.sync(*file);
      if (synced.ok()) ++disk.write_syncs_;
      return synced;
    };
    operation.half_effect = [&disk = disk_, file = file_, offset, chunks](Prng& prng) {
      const uint64_t end = (offset + prng.between(0, total_bytes(chunks))) / kSectorBytes * kSectorBytes;
      if (end > offset) (void)disk.write(*file, offset, front_of(chunks, end - offset));
    };
    operation.done = std::move(done);
    disk_.submit(std::move(operation));
  }

  Result<std::string> read(uint64_t offset, size_t count) override {
    if (life_ != disk_.life_) return Error{ErrorCode::kIo, "the file was opened before a crash"};
    if (file_->reads_fail) return Error{ErrorCode::kCorrupt, "injected read failure"};
    std::string bytes = file_->cached.read(offset, count);
    disk_.work(Work::kDiskRead, bytes.size());
    return bytes;
  }

  Result<uint64_t> size() override { return static_cast<uint64_t>(file_->cached.size()); }

 private:
  Disk& disk_;
  const uint64_t life_;
  std::shared_ptr<DiskFile> file_;
};

Disk::Disk(const DiskOptions& options, Scheduler scheduler, WorkMeter* meter)
    : options_(options), scheduler_(std::move(scheduler)), meter_(meter), prng_(options.seed) {
  CHECK(options.delay_min <= options.delay_max);
}

Result<std::vector<std::string>> Disk::list() {
  std::vector<std::string> names;
  for (const auto& [name, file] : files_) names.push_back(name);
  return names;
}

Result<std::unique_ptr<env::File>> Disk::open(const std::string& name) {
  const auto found = files_.find(name);
  if (found == files_.end()) return Error{ErrorCode::kNotFound, name + ": no such file"};
  return std::unique_ptr<env::File>(std::make_unique<DiskHandle>(*this, found->second));
}

void Disk::prepare(const std::string& name, uint64_t bytes, env::DiskCallback done) {
  Operation operation;
  operation.effect = [this, name, bytes]() -> Status {
    std::shared_ptr<DiskFile>& file = files_[name];
    if (!file) file = std::make_shared<DiskFile>();
    removed_.clear();
    const uint64_t size = file->cached.size();
    if (size >= bytes) return sync(*file);
    if (Status written = write(*file, size, {Bytes(std::string(bytes - size, '\0'))}); !written.ok()) return written;
    return sync(*file);
  };
  operation.half_effect = [this, name, bytes](Prng& prng) {
    std::shared_ptr<DiskFile>& file = files_[name];
    if (!file) file = std::make_shared<DiskFile>();
    const uint64_t size = file->cached.size();
    if (size < bytes) (void)write(*file, size, {Bytes(std::string(prng.below(bytes - size), '\0'))});
  };
  operation.done = std::move(done);
  submit(std::move(operation));
}

void Disk::wait_for_sync() const {
  if (meter_ != nullptr) meter_->wait((options_.delay_min + options_.delay_max) / 2);
}

Result<std::unique_ptr<env::File>> Disk::create(const std::string& name) {
  wait_for_sync();
  files_[name] = std::make_shared<DiskFile>();
  removed_.clear();
  return open(name);
}

Status Disk::replace(const std::string& name, std::string_view contents) {
  wait_for_sync();
  const auto old = files_.find(name);
  const uint64_t old_bytes = old == files_.end() ? 0 : old->second->cached.size();
  // The temporary file stands beside the old one until the rename.
  if (bytes_used() + contents.size() > options_.capacity_bytes) {
    return Error{ErrorCode::kDiskFull, name + ": no space left (" + std::to_string(old_bytes) + " bytes before)"};
  }
  if (std::exchange(next_sync_fails_, false)) return Error{ErrorCode::kIo, name + ": injected sync failure"};
  auto file = std::make_shared<DiskFile>();
  file->cached = file->durable = file->former = FileContents(std::string(contents));
  file->synced_at.assign(contents.size() / kSectorBytes + 1, write_syncs_);
  files_[name] = std::move(file);
  removed_.clear();
  return {};
}

Result<std::string> Disk::read_all(const std::string& name) {
  const auto found = files_.find(name);
  if (found == files_.end()) return Error{ErrorCode::kNotFound, name + ": no such file"};
  if (found->second->reads_fail) return Error{ErrorCode::kCorrupt, name + ": injected read failure"};
  work(Work::kDiskRead, found->second->cached.size());
  return found->second->cached.text();
}

Status Disk::remove(const std::string& name) {
  const auto found = files_.find(name);
  if (found == files_.end()) return Error{ErrorCode::kNotFound, name + ": no such file"};
  removed_[name] = found->second;
  files_.erase(found);
  return {};
}

void Disk::submit(Operation operation) {
  queue_.push_back(std::move(operation));
  if (!scheduler_) return;
  const Duration spread = options_.delay_max - options_.delay_min;
  const Duration delay = options_.delay_min + Duration(prng_.below(static_cast<uint64_t>(spread.count()) + 1));
  // Each run takes whatever is in front, so operations keep their order although delays do not.
  scheduler_(delay, lifetime_.bind([this, life = life_] {
    if (life == life_) run_one();
  }));
}

bool Disk::run_one() {
  if (queue_.empty()) return false;
  Operation operation = std::move(queue_.front());
  queue_.pop_front();
  operation.done(operation.effect());
  return true;
}

void Disk::run_all() {
  while (run_one()) {
  }
}

Status Disk::write(DiskFile& file, uint64_t offset, const std::vector<Bytes>& chunks) {
  const uint64_t bytes = total_bytes(chunks);
  const uint64_t end = offset + bytes;
  const uint64_t growth = end > file.cached.size() ? end - file.cached.size() : 0;
  const bool is_full = growth > 0 && bytes_used() + growth > options_.capacity_bytes;
  const uint64_t written = is_full ? prng_.below(bytes - std::min(growth, bytes) + 1) : bytes;
  uint64_t at = offset;
  for (const Bytes& chunk : front_of(chunks, written)) {
    file.cached.write(at, chunk);
    at += chunk.size();
  }
  if (written > 0) {
    UnsyncedWrite& unsynced = file.unsynced.emplace_back();
    unsynced.first_sector = offset / kSectorBytes;
    unsynced.last_sector = (at - 1) / kSectorBytes;
    unsynced.contents.resize(sector_end(unsynced.last_sector));
    unsynced.contents.copy_range(file.cached, sector_begin(unsynced.first_sector), sector_end(unsynced.last_sector));
  }
  if (is_full) return Error{ErrorCode::kDiskFull, "no space left"};
  return {};
}

Status Disk::sync(DiskFile& file) {
  if (std::exchange(next_sync_fails_, false)) return fail_sync(file);
  file.durable.resize(file.cached.size());
  file.former.resize(file.cached.size());
  file.synced_at.resize(file.cached.size() / kSectorBytes + 1, write_syncs_);
  for (const auto& [first, last] : unsynced_runs(file)) {
    file.former.copy_range(file.durable, sector_begin(first), sector_end(last));
    file.durable.copy_range(file.cached, sector_begin(first), sector_end(last));
    std::fill(file.synced_at.begin() + static_cast<ptrdiff_t>(first),
              file.synced_at.begin() + static_cast<ptrdiff_t>(last) + 1, write_syncs_);
  }
  file.unsynced.clear();
  return {};
}

Status Disk::fail_sync(DiskFile& file) {
  // A sector forgotten here is clean: reads see it, no later sync writes it.
  for (const auto& [first, last] : unsynced_runs(file)) {
    for (uint64_t sector = first; failed_sync_forgets_ && sector <= last; ++sector) {
      if (!prng_.chance(1, 2)) continue;
      for (UnsyncedWrite& write : file.unsynced) {
        if (write.has(sector)) write.forgotten.insert(sector);
      }
    }
  }
  return Error{ErrorCode::kIo, "injected sync failure"};
}

void Disk::do_some_of_queue(Prng& prng) {
  const uint64_t done_count = prng.below(queue_.size() + 1);
  for (uint64_t i = 0; i < done_count; ++i) (void)queue_[i].effect();
  if (done_count < queue_.size()) queue_[done_count].half_effect(prng);
}

void Disk::lose_unsynced(const SectorChoice& choice) {
  for (auto& [name, file] : files_) {
    FileContents kept = file->durable;
    uint64_t kept_end = file->durable.size();
    const auto unsynced = unsynced_versions(*file);
    for (const auto& [sector, versions] : unsynced) {
      const size_t chosen = std::min(choice(name, sector, versions.size()), versions.size());
      if (chosen == 0) continue;
      if (kept.size() < sector_end(sector)) kept.resize(sector_end(sector));
      kept.copy_range(versions[chosen - 1]->contents, sector_begin(sector), sector_end(sector));
      kept_end = std::max(kept_end, std::min(sector_end(sector), file->cached.size()));
    }
    kept.resize(kept_end);
    file->former.resize(kept_end);
    file->synced_at.resize(kept_end / kSectorBytes + 1, write_syncs_);
    for (const auto& [sector, versions] : unsynced) {
      if (sector < file->synced_at.size()) file->synced_at[sector] = write_syncs_;
    }
    file->cached = file->durable = std::move(kept);
    file->unsynced.clear();
  }
}

void Disk::forget_process() {
  queue_.clear();
  ++life_;
  next_sync_fails_ = false;
}

void Disk::crash(Prng& prng) {
  do_some_of_queue(prng);
  for (const auto& [name, file] : removed_) {
    if (!files_.contains(name) && prng.chance(1, 2)) files_[name] = file;
  }
  removed_.clear();
  std::map<std::pair<std::string, uint64_t>, uint64_t> fate_of_page;  // 0 lost, 1 survives, 2 torn
  lose_unsynced([&](const std::string& file, uint64_t sector, size_t version_count) -> size_t {
    const auto page = std::make_pair(file, sector / (kPageBytes / kSectorBytes));
    const auto [fate, is_new] = fate_of_page.try_emplace(page, 0);
    if (is_new) fate->second = prng.below(3);
    if (fate->second == 0) return 0;
    return fate->second == 1 ? version_count : prng.below(version_count + 1);
  });
  forget_process();
}

void Disk::crash(const SectorChoice& choice) {
  removed_.clear();
  lose_unsynced(choice);
  forget_process();
}

void Disk::kill(Prng& prng) {
  do_some_of_queue(prng);
  forget_process();
}

uint64_t Disk::bytes_used() const {
  uint64_t total = 0;
  for (const auto& [name, file] : files_) total += file->cached.size();
  return total;
}

Disk::Copy Disk::copy() const {
  Copy copy;
  for (const auto& [name, file] : files_) copy.emplace(name, file->cached);
  return copy;
}

void Disk::put_back(const Copy& copy) {
  files_.clear();
  removed_.clear();
  for (const auto& [name, contents] : copy) {
    auto file = std::make_shared<DiskFile>();
    file->cached = file->durable = file->former = contents;
    file->synced_at.assign(contents.size() / kSectorBytes + 1, write_syncs_);
    files_[name] = std::move(file);
  }
}

void Disk::set_reads_fail(const std::string& name, bool fail) {
  const auto found = files_.find(name);
  CHECK(found != files_.end()) << name;
  found->second->reads_fail = fail;
}

void Disk::flip_bit(const std::string& name, uint64_t offset, int bit) {
  const auto found = files_.find(name);
  CHECK(found != files_.end()) << name;
  DiskFile& file = *found->second;
  CHECK(offset < file.cached.size() && bit >= 0 && bit < 8) << name << " offset=" << offset << " bit=" << bit;
  const auto flip = [&](FileContents& contents) {
    std::string byte = contents.read(offset, 1);
    if (byte.empty()) return;
    byte[0] = static_cast<char>(byte[0] ^ (1 << bit));
    contents.write(offset, Bytes(std::move(byte)));
  };
  flip(file.cached);
  flip(file.durable);
  for (UnsyncedWrite& write : file.unsynced) {
    if (write.has(offset / kSectorBytes)) flip(write.contents);
  }
}

std::vector<uint64_t> Disk::unsynced_sectors(const std::string& name) const {
  std::vector<uint64_t> sectors;
  const auto found = files_.find(name);
  if (found == files_.end()) return sectors;
  for (const auto& [sector, versions] : unsynced_versions(*found->second)) sectors.push_back(sector);
  return sectors;
}

}  // namespace torc::sim
