#include "sim/disk.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace torc::sim {
namespace {

std::string sector_of(const std::string& contents, uint64_t sector) {
  std::string bytes(kSectorBytes, '\0');
  const uint64_t begin = sector * kSectorBytes;
  if (begin < contents.size()) contents.copy(bytes.data(), kSectorBytes, begin);
  return bytes;
}

/// Writes a sector into `contents`, which keeps its size.
void place_sector(std::string& contents, uint64_t sector, const std::string& bytes) {
  const uint64_t begin = sector * kSectorBytes;
  if (begin >= contents.size()) return;
  const size_t count = std::min<uint64_t>(kSectorBytes, contents.size() - begin);
  contents.replace(begin, count, bytes, 0, count);
}

std::string joined(const std::vector<Bytes>& chunks) {
  std::string all;
  for (const Bytes& chunk : chunks) all += chunk.view();
  return all;
}

}  // namespace

class DiskHandle : public env::File {
 public:
  DiskHandle(Disk& disk, std::shared_ptr<DiskFile> file) : disk_(disk), life_(disk.life_), file_(std::move(file)) {}

  void write(uint64_t offset, std::vector<Bytes> chunks, bool sync, env::DiskCallback done) override {
    if (life_ != disk_.life_) return;
    auto bytes = std::make_shared<const std::string>(joined(chunks));
    Disk::Operation operation;
    operation.effect = [&disk = disk_, file = file_, offset, bytes, sync]() -> Status {
      if (Status written = disk.write(*file, offset, *bytes); !written.ok()) return written;
      if (!sync) return {};
      const Status synced = disk.sync(*file);
      if (synced.ok()) ++disk.write_syncs_;
      return synced;
    };
    operation.half_effect = [&disk = disk_, file = file_, offset, bytes](Prng& prng) {
      const uint64_t end = (offset + prng.between(0, bytes->size())) / kSectorBytes * kSectorBytes;
      if (end > offset) (void)disk.write(*file, offset, std::string_view(*bytes).substr(0, end - offset));
    };
    operation.done = std::move(done);
    disk_.submit(std::move(operation));
  }

  Result<std::string> read(uint64_t offset, size_t count) override {
    if (life_ != disk_.life_) return Error{ErrorCode::kIo, "the file was opened before a crash"};
    if (file_->reads_fail) return Error{ErrorCode::kIo, "injected read failure"};
    if (offset >= file_->cached.size()) return std::string();
    return file_->cached.substr(offset, count);
  }

  Result<uint64_t> size() override { return static_cast<uint64_t>(file_->cached.size()); }

 private:
  Disk& disk_;
  const uint64_t life_;
  std::shared_ptr<DiskFile> file_;
};

Disk::Disk(const DiskOptions& options, Scheduler scheduler)
    : options_(options), scheduler_(std::move(scheduler)), prng_(options.seed) {
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
    if (Status written = write(*file, size, std::string(bytes - size, '\0')); !written.ok()) return written;
    return sync(*file);
  };
  operation.half_effect = [this, name, bytes](Prng& prng) {
    std::shared_ptr<DiskFile>& file = files_[name];
    if (!file) file = std::make_shared<DiskFile>();
    const uint64_t size = file->cached.size();
    if (size < bytes) (void)write(*file, size, std::string(prng.below(bytes - size), '\0'));
  };
  operation.done = std::move(done);
  submit(std::move(operation));
}

Result<std::unique_ptr<env::File>> Disk::create(const std::string& name) {
  files_[name] = std::make_shared<DiskFile>();
  removed_.clear();
  return open(name);
}

Status Disk::replace(const std::string& name, std::string_view contents) {
  const auto old = files_.find(name);
  const uint64_t old_bytes = old == files_.end() ? 0 : old->second->cached.size();
  // The temporary file stands beside the old one until the rename.
  if (bytes_used() + contents.size() > options_.capacity_bytes) {
    return Error{ErrorCode::kDiskFull, name + ": no space left (" + std::to_string(old_bytes) + " bytes before)"};
  }
  if (std::exchange(next_sync_fails_, false)) return Error{ErrorCode::kIo, name + ": injected sync failure"};
  auto file = std::make_shared<DiskFile>();
  file->cached = file->durable = file->former = std::string(contents);
  file->synced_at.assign(contents.size() / kSectorBytes + 1, write_syncs_);
  files_[name] = std::move(file);
  removed_.clear();
  return {};
}

Result<std::string> Disk::read_all(const std::string& name) {
  const auto found = files_.find(name);
  if (found == files_.end()) return Error{ErrorCode::kNotFound, name + ": no such file"};
  if (found->second->reads_fail) return Error{ErrorCode::kIo, name + ": injected read failure"};
  return found->second->cached;
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

Status Disk::write(DiskFile& file, uint64_t offset, std::string_view bytes) {
  const uint64_t end = offset + bytes.size();
  const uint64_t growth = end > file.cached.size() ? end - file.cached.size() : 0;
  const uint64_t used = bytes_used();
  const bool is_full = growth > 0 && used + growth > options_.capacity_bytes;
  if (is_full) bytes = bytes.substr(0, prng_.below(bytes.size() - std::min<uint64_t>(growth, bytes.size()) + 1));
  if (!bytes.empty()) {
    if (offset + bytes.size() > file.cached.size()) file.cached.resize(offset + bytes.size());
    file.cached.replace(offset, bytes.size(), bytes);
    const uint64_t last_sector = (offset + bytes.size() - 1) / kSectorBytes;
    for (uint64_t sector = offset / kSectorBytes; sector <= last_sector; ++sector) {
      file.unsynced[sector].push_back(sector_of(file.cached, sector));
    }
  }
  if (is_full) return Error{ErrorCode::kDiskFull, "no space left"};
  return {};
}

Status Disk::sync(DiskFile& file) {
  if (std::exchange(next_sync_fails_, false)) return fail_sync(file);
  file.durable.resize(file.cached.size());
  file.former.resize(file.cached.size());
  file.synced_at.resize(file.cached.size() / kSectorBytes + 1, write_syncs_);
  for (const auto& [sector, versions] : file.unsynced) {
    place_sector(file.former, sector, sector_of(file.durable, sector));
    place_sector(file.durable, sector, versions.back());
    file.synced_at[sector] = write_syncs_;
  }
  file.unsynced.clear();
  return {};
}

Status Disk::fail_sync(DiskFile& file) {
  // A sector forgotten here is clean: reads see it, no later sync writes it.
  if (failed_sync_forgets_) std::erase_if(file.unsynced, [&](const auto&) { return prng_.chance(1, 2); });
  return Error{ErrorCode::kIo, "injected sync failure"};
}

void Disk::do_some_of_queue(Prng& prng) {
  const uint64_t done_count = prng.below(queue_.size() + 1);
  for (uint64_t i = 0; i < done_count; ++i) (void)queue_[i].effect();
  if (done_count < queue_.size()) queue_[done_count].half_effect(prng);
}

void Disk::lose_unsynced(const SectorChoice& choice) {
  for (auto& [name, file] : files_) {
    std::string kept = file->durable;
    uint64_t kept_end = file->durable.size();
    for (const auto& [sector, versions] : file->unsynced) {
      const size_t chosen = std::min(choice(name, sector, versions.size()), versions.size());
      if (chosen == 0) continue;
      const uint64_t sector_end = (sector + 1) * kSectorBytes;
      if (kept.size() < sector_end) kept.resize(sector_end);
      place_sector(kept, sector, versions[chosen - 1]);
      kept_end = std::max(kept_end, std::min<uint64_t>(sector_end, file->cached.size()));
    }
    kept.resize(kept_end);
    file->former.resize(kept_end);
    file->synced_at.resize(kept_end / kSectorBytes + 1, write_syncs_);
    for (const auto& [sector, versions] : file->unsynced) {
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
  const auto flip = [&](std::string& bytes, uint64_t at) {
    if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
  };
  flip(file.cached, offset);
  flip(file.durable, offset);
  const auto unsynced = file.unsynced.find(offset / kSectorBytes);
  if (unsynced == file.unsynced.end()) return;
  for (std::string& version : unsynced->second) flip(version, offset % kSectorBytes);
}

std::vector<uint64_t> Disk::unsynced_sectors(const std::string& name) const {
  std::vector<uint64_t> sectors;
  const auto found = files_.find(name);
  if (found == files_.end()) return sectors;
  for (const auto& [sector, versions] : found->second->unsynced) sectors.push_back(sector);
  return sectors;
}

}  // namespace torc::sim
