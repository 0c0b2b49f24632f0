// What a device does to data at rest: sectors chosen among those whose damage a careful reader can notice.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "sim/disk.h"

namespace torc::sim {
namespace {

std::string sector_text(const FileContents& contents, uint64_t number) {
  return contents.read(number * kSectorBytes, kSectorBytes);
}

void overwrite(DiskFile& file, uint64_t number, const std::string& bytes) {
  const uint64_t begin = number * kSectorBytes;
  for (FileContents* contents : {&file.cached, &file.durable}) {
    if (begin >= contents->size()) continue;
    contents->write(begin, Bytes::copy_of(bytes.substr(0, contents->size() - begin)));
  }
}

bool is_unsynced(const DiskFile& file, uint64_t sector) {
  return std::ranges::any_of(file.unsynced, [&](const UnsyncedWrite& write) { return write.has(sector); });
}

bool is_blank(const std::string& bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

}  // namespace

std::vector<Disk::Sector> Disk::settled_sectors(bool must_differ_from_former) const {
  std::vector<Sector> settled;
  for (const auto& [name, file] : files_) {
    const uint64_t count = (file->durable.size() + kSectorBytes - 1) / kSectorBytes;
    for (uint64_t number = 0; number < count; ++number) {
      if (file->synced_at[number] + kSettledSyncs >= write_syncs_ || is_unsynced(*file, number)) continue;
      const std::string now = sector_text(file->durable, number);
      if (is_blank(now)) continue;
      if (must_differ_from_former && now == sector_text(file->former, number)) continue;
      settled.push_back({name, file.get(), number});
    }
  }
  return settled;
}

std::string Disk::damage(Damage kind, Prng& prng) {
  std::vector<Sector> sectors = settled_sectors(kind != Damage::kBitFlip);
  if (sectors.empty()) return "";
  const Sector& hit = sectors[prng.below(sectors.size())];
  const std::string place = hit.name + " sector " + std::to_string(hit.number);
  switch (kind) {
    case Damage::kBitFlip: {
      const uint64_t begin = hit.number * kSectorBytes;
      const uint64_t end = std::min<uint64_t>(begin + kSectorBytes, hit.file->durable.size());
      const uint64_t offset = prng.between(begin, end - 1);
      const auto bit = static_cast<int>(prng.below(8));
      flip_bit(hit.name, offset, bit);
      return "bit " + std::to_string(bit) + " of byte " + std::to_string(offset) + " of " + hit.name + " flips";
    }
    case Damage::kLostWrite:
      overwrite(*hit.file, hit.number, sector_text(hit.file->former, hit.number));
      return "the last write of " + place + " never reached it";
    case Damage::kMisdirectedWrite: {
      const Sector& target = sectors[prng.below(sectors.size())];
      const std::string bytes = sector_text(hit.file->durable, hit.number);
      overwrite(*hit.file, hit.number, sector_text(hit.file->former, hit.number));
      if (target.file != hit.file || target.number != hit.number) overwrite(*target.file, target.number, bytes);
      return "the last write of " + place + " went to " + target.name + " sector " + std::to_string(target.number);
    }
  }
  CHECK(false);
  return "";
}

}  // namespace torc::sim
