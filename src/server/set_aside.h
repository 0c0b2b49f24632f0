// What happens to data that can no longer be trusted: it is given up, durably, and then moved out of the way, so that
// the node starts from nothing, comes back under a new incarnation and is brought up to date by the others, while a
// person can still look at what there was (docs/operating.md, "Damaged data").
//
//   give_up()     writes the file "given-up". From here on the directory's promises are void, whatever happens next.
//   set_aside()   moves everything into a new folder damaged-<number>, the file "given-up" last of all.
//
// Whatever is interrupted, by a crash or a power cut, ends in "given up" at the next start: set_aside() runs whenever
// the file is there and goes on where it stopped. Without the file a log could be moved half: what is left is shorter
// and valid, and beside an identity that has voted it would be a node that forgot what it promised
// (rules.md#new-life-new-id).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "env/disk.h"

namespace torc::server {

/// So many folders are kept, and so many bytes of them together. When a new one comes the oldest go until both hold;
/// the newest always stays.
constexpr size_t kAsideFoldersMax = 3;
constexpr uint64_t kAsideBytesMax = 16ull << 30;

/// `reason`: one line. `disk` holds the directory's lock. Durable when this returns.
/// Errors: as env::Disk::replace; nothing has changed then.
Status give_up(env::Disk& disk, std::string_view reason);

/// The directory was given up and has not been set aside yet. Errors: kIo, kVersion.
Result<bool> is_given_up(env::Disk& disk);

struct SetAside {
  std::string folder;  // where everything is now
  std::string reason;
  uint64_t folders_removed = 0;  // older ones that had to go
};
/// Requires: is_given_up(), and nobody has a file of `path` open; `disk` is the one of `path` and holds its lock.
/// Errors: kIo, kDiskFull; the next call goes on.
Result<SetAside> set_aside(const std::string& path, env::Disk& disk);

/// What is kept in damaged-* folders.
struct AsideUse {
  uint64_t folders = 0;
  uint64_t bytes = 0;
};
AsideUse aside_use(const std::string& path);

}  // namespace torc::server
