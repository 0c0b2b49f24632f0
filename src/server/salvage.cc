#include "server/salvage.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "host/disk.h"
#include "host/event_loop.h"
#include "host/rocksdb_checkpoint_store.h"
#include "kv/position.h"
#include "server/salvage_source.h"

namespace torc::server {
namespace {

namespace fs = std::filesystem;

constexpr GroupId kGroup{1};

Result<std::unique_ptr<SalvageSource>> read_source(const std::string& path, host::EventLoop& loop) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return Error{ErrorCode::kNotFound, path + " is no directory"};
  auto disk = host::FileDisk::open(path, loop);  // for its lock: a node that runs here would go on writing
  if (!disk.ok()) return disk.error();
  auto log = storage::salvage_log(**disk, kGroup);
  if (!log.ok()) return log.error();
  auto source = std::make_unique<SalvageSource>(path, *std::move(log));
  const std::string checkpoint = path + "/checkpoint";
  if (!fs::exists(checkpoint, error)) return source;
  auto store = host::RocksDbCheckpointStore::open_to_read(checkpoint, loop);
  if (!store.ok() && store.error().code == ErrorCode::kVersion) return store.error();
  if (!store.ok()) std::cout << path << ": " << store.error().message << "\n";
  source->take_checkpoint(store.ok() ? store->get() : nullptr);
  return source;
}

/// The freshest log, and what it lacks from the others. Entries of two logs with the same index and different terms:
/// only the fresher log's can have been acknowledged, or neither.
Entries joined_entries(std::vector<const SalvageSource*> sources) {
  std::ranges::sort(sources, std::greater(), &SalvageSource::freshness);
  Entries joined;
  for (const SalvageSource* source : sources) {
    for (const auto& [index, entry] : source->log().entries) {
      if (joined.contains(index) || (!joined.empty() && index > joined.rbegin()->first && source != sources[0]))
        continue;
      const auto next = joined.upper_bound(index);
      const bool is_above_previous = next == joined.begin() || std::prev(next)->second.term <= entry.term;
      const bool is_below_next = next == joined.end() || entry.term <= next->second.term;
      if (is_above_previous && is_below_next) joined.emplace(index, entry);
    }
  }
  return joined;
}

void put_bulk(std::ostream& out, const std::string& text) { out << "$" << text.size() << "\r\n" << text << "\r\n"; }

void write_set(std::ostream& out, const std::string& key, const SalvagedValue& found) {
  const bool has_deadline = found.deadline_ms >= 0;
  out << (has_deadline ? "*5\r\n" : "*3\r\n");
  put_bulk(out, "SET");
  put_bulk(out, key);
  put_bulk(out, found.value);
  if (!has_deadline) return;
  put_bulk(out, "PXAT");
  put_bulk(out, std::to_string(found.deadline_ms));
}

std::string span_text(LogIndex first, LogIndex last) {
  return first == last ? std::to_string(first.value)
                       : std::to_string(first.value) + " to " + std::to_string(last.value);
}

/// Bytes that would disturb a terminal as \xNN.
std::string printable(const std::string& key) {
  std::string text;
  for (const char c : key) {
    char escaped[5];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(c));
    if (c >= ' ' && c <= '~' && c != '\\') {
      text += c;
    } else {
      text += escaped;
    }
  }
  return text;
}

/// True if nothing is missing.
bool describe(const SalvageSource& source) {
  constexpr double kAll = 18446744073709551616.0;
  std::cout << source.path() << ": ";
  if (source.checkpoint()) std::cout << "checkpoint as of entry " << source.checkpoint() << ", ";
  if (source.log().entries.empty()) {
    std::cout << "no entries in the log\n";
  } else {
    std::cout << "entries " << span_text(source.log().entries.begin()->first, source.log().entries.rbegin()->first)
              << " in the log\n";
  }
  for (const std::string& trouble : source.log().troubles) std::cout << "  " << trouble << "\n";
  double lost = 0;
  for (const PositionRange& range : source.unreadable()) lost += static_cast<double>(range.last - range.first) + 1;
  lost = std::min(lost, kAll);
  if (lost > 0) std::cout << "  " << 100 * lost / kAll << " % of the checkpoint's keys cannot be read\n";
  return source.log().troubles.empty() && lost == 0;
}

struct Written {
  uint64_t keys = 0;
  std::vector<std::string> uncertain;
};

/// Of each key the value of the source that has most of the log, among those that can read the key's place.
Written write_keys(const std::vector<std::unique_ptr<SalvageSource>>& sources, std::ostream& out) {
  Written written;
  std::set<std::string> keys;
  for (const auto& source : sources) keys.insert(source->keys().begin(), source->keys().end());
  for (const std::string& key : keys) {
    const uint64_t position = kv::position_of(key);
    const auto owner = std::ranges::find_if(sources, [&](const auto& source) { return source->can_read(position); });
    std::optional<SalvagedValue> found;
    if (owner != sources.end()) {
      found = (*owner)->value_of(key);
      // Another one has all entries, but cannot read this key.
      if (found && sources.front()->missing().empty()) found->is_uncertain |= !(*owner)->missing().empty();
    } else {  // nobody can tell whether it is the latest
      for (size_t i = 0; !found && i < sources.size(); ++i) found = sources[i]->value_of(key);
    }
    if (!found) continue;
    write_set(out, key, *found);
    ++written.keys;
    if (found->is_uncertain) written.uncertain.push_back(key);
  }
  return written;
}

int failed(const std::string& why) {
  std::cerr << "torc salvage: " << why << "\n";
  return cli::kExitFailed;
}

}  // namespace

int run_salvage(const cli::SalvageOptions& options) {
  if (std::error_code error; fs::exists(options.out, error)) return failed(options.out + " exists already");
  host::EventLoop loop;
  std::vector<std::unique_ptr<SalvageSource>> sources;
  bool is_complete = true;
  for (const std::string& path : options.directories) {
    auto source = read_source(path, loop);
    if (!source.ok()) return failed(source.error().message);
    is_complete &= describe(**source);
    sources.push_back(*std::move(source));
  }
  std::vector<const SalvageSource*> views;
  for (const auto& source : sources) views.push_back(source.get());
  const Entries entries = joined_entries(views);
  for (const auto& source : sources) source->apply(entries);
  std::ranges::stable_sort(sources, std::greater(), [](const auto& source) {
    return std::tuple(source->missing().empty(), source->applied(), source->unreadable().empty());
  });

  std::ofstream out(options.out, std::ios::binary);
  const Written written = write_keys(sources, out);
  out.flush();
  if (!out) return failed("cannot write " + options.out);
  const bool has_gaps = !sources.front()->missing().empty();  // then they all have
  for (const auto& [first, last] : sources.front()->missing()) {
    std::cout << "lost everywhere: entry " << span_text(first, last) << ", whatever it wrote\n";
  }
  for (const std::string& key : written.uncertain) std::cout << "uncertain: " << printable(key) << "\n";
  std::cout << written.keys << " keys written to " << options.out << ", " << written.uncertain.size()
            << " of them uncertain\n";
  if (written.uncertain.empty() && !has_gaps) {
    std::cout << (is_complete ? "nothing is missing\n" : "what is damaged in one directory is whole in another\n");
    return cli::kExitOk;
  }
  std::cout << "not everything could be read: keys may be missing, have an older value, or be there again although "
               "they were deleted\n";
  return cli::kExitNegative;
}

}  // namespace torc::server
