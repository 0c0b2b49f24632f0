#include "server/set_aside.h"

#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>

#include "host/posix_file.h"
#include "storage/reserve.h"

namespace torc::server {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMark = "given-up";
constexpr std::string_view kMarkHead = "torc given up, version ";
constexpr std::string_view kMarkVersion = "1";
constexpr std::string_view kFolderPrefix = "damaged-";
constexpr std::string_view kLock = "lock";

std::optional<uint64_t> folder_number(const std::string& name) {
  if (!name.starts_with(kFolderPrefix)) return std::nullopt;
  const char* const end = name.data() + name.size();
  uint64_t number = 0;
  const auto [at, error] = std::from_chars(name.data() + kFolderPrefix.size(), end, number);
  if (error != std::errc() || at != end) return std::nullopt;
  return number;
}

/// By number: the newest comes last.
std::map<uint64_t, fs::path> folders_in(const std::string& path) {
  std::map<uint64_t, fs::path> folders;
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    if (const auto number = folder_number(entry->path().filename())) folders.emplace(*number, entry->path());
  }
  return folders;
}

uint64_t bytes_in(const fs::path& folder) {
  uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    const uint64_t size = entry->is_regular_file(ignored) ? entry->file_size(ignored) : 0;
    if (!ignored) bytes += size;
  }
  return bytes;
}

Error cannot(const std::string& doing, const std::error_code& error) {
  return host::errno_error(error.value(), "cannot set damaged data aside:", doing);
}

/// A power cut may have left the file under both names: the new one then says which it is.
Status move_into(const fs::path& folder, const fs::path& from) {
  std::error_code error;
  fs::path to = folder / from.filename();
  if (fs::equivalent(from, to, error)) {
    fs::remove(from, error);
  } else {
    for (int copy = 2; fs::exists(to, error); ++copy) {
      to = folder / (from.filename().string() + "." + std::to_string(copy));
    }
    error.clear();
    fs::rename(from, to, error);
  }
  if (error) return cannot(from.string(), error);
  return {};
}

Status sync_both(const fs::path& folder, const std::string& path) {
  if (Status synced = host::sync_directory(folder.string()); !synced.ok()) return synced;
  return host::sync_directory(path);
}

/// Everything but what holds the directory together.
Result<std::vector<fs::path>> movable_entries(const std::string& path) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (name != kLock && name != kMark && !folder_number(name)) entries.push_back(entry->path());
  }
  if (error) return cannot(path, error);
  return entries;
}

/// The one that an interrupted call began, or a new one.
Result<fs::path> folder_for(const std::string& path) {
  const std::map<uint64_t, fs::path> folders = folders_in(path);
  std::error_code error;
  if (!folders.empty() && !fs::exists(folders.rbegin()->second / kMark, error)) return folders.rbegin()->second;
  const uint64_t number = folders.empty() ? 1 : folders.rbegin()->first + 1;
  const fs::path folder = fs::path(path) / (std::string(kFolderPrefix) + std::to_string(number));
  if (Status made = host::make_directory(folder.string()); !made.ok()) return made.error();
  return folder;
}

uint64_t remove_oldest(const std::string& path) {
  std::map<uint64_t, fs::path> folders = folders_in(path);
  std::map<uint64_t, uint64_t> bytes;
  uint64_t total = 0;
  for (const auto& [number, folder] : folders) total += bytes[number] = bytes_in(folder);
  uint64_t removed = 0;
  while (folders.size() > 1 && (folders.size() > kAsideFoldersMax || total > kAsideBytesMax)) {
    const auto oldest = folders.begin();
    std::error_code ignored;  // tried again when the next one comes
    fs::remove_all(oldest->second, ignored);
    total -= bytes[oldest->first];
    folders.erase(oldest);
    ++removed;
  }
  return removed;
}

/// The reason that give_up() was told. Errors: kVersion.
Result<std::string> read_mark(std::string_view mark) {
  const size_t line_end = mark.find('\n');
  const std::string_view head = mark.substr(0, line_end);
  if (!head.starts_with(kMarkHead) || line_end == std::string_view::npos) return std::string("the reason is lost");
  const std::string_view version = head.substr(kMarkHead.size());
  if (version != kMarkVersion) {
    return Error{ErrorCode::kVersion, "the file '" + std::string(kMark) + "' has version " + std::string(version) +
                                          ", this program knows version " + std::string(kMarkVersion) +
                                          ": use the program that wrote it, or a later one"};
  }
  std::string_view reason = mark.substr(line_end + 1);
  if (reason.ends_with('\n')) reason.remove_suffix(1);
  return std::string(reason);
}

}  // namespace

Status give_up(env::Disk& disk, std::string_view reason) {
  std::string mark;
  mark += kMarkHead;
  mark += kMarkVersion;
  mark += '\n';
  mark += reason;
  mark += '\n';
  return disk.replace(std::string(kMark), mark);
}

Result<bool> is_given_up(env::Disk& disk) {
  const Result<std::string> mark = disk.read_all(std::string(kMark));
  if (mark.ok()) {
    const Result<std::string> reason = read_mark(*mark);
    if (!reason.ok()) return reason.error();
    return true;
  }
  if (mark.error().code == ErrorCode::kNotFound) return false;
  return mark.error().code == ErrorCode::kCorrupt ? Result<bool>(true) : mark.error();  // it is there
}

Result<SetAside> set_aside(const std::string& path, env::Disk& disk) {
  const Result<std::string> mark = disk.read_all(std::string(kMark));
  const Result<std::string> reason = mark.ok() ? read_mark(*mark) : Result<std::string>("the reason cannot be read");
  if (!reason.ok()) return reason.error();
  (void)storage::give_up_reserve(disk);  // nobody wants to look at it
  const Result<fs::path> folder = folder_for(path);
  if (!folder.ok()) return folder.error();
  const Result<std::vector<fs::path>> entries = movable_entries(path);
  if (!entries.ok()) return entries.error();
  for (const fs::path& entry : *entries) {
    if (Status moved = move_into(*folder, entry); !moved.ok()) return moved.error();
  }
  if (Status synced = sync_both(*folder, path); !synced.ok()) return synced.error();
  // The mark leaves once everything else has left durably, and before anything new is written.
  if (Status moved = move_into(*folder, fs::path(path) / kMark); !moved.ok()) return moved.error();
  if (Status synced = sync_both(*folder, path); !synced.ok()) return synced.error();
  return SetAside{folder->string(), *reason, remove_oldest(path)};
}

AsideUse aside_use(const std::string& path) {
  AsideUse use;
  for (const auto& [number, folder] : folders_in(path)) {
    ++use.folders;
    use.bytes += bytes_in(folder);
  }
  return use;
}

}  // namespace torc::server
