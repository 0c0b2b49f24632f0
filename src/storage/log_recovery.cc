#include "storage/log_recovery.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "storage/batch_encoder.h"
#include "storage/segment_header.h"
#include "storage/segment_reader.h"

namespace torc::storage {
namespace {

constexpr std::string_view kNamePrefix = "log-";
constexpr size_t kNameDigits = 16;

std::optional<uint64_t> file_number(std::string_view name) {
  if (name.size() != kNamePrefix.size() + kNameDigits || !name.starts_with(kNamePrefix)) return std::nullopt;
  const std::string_view digits = name.substr(kNamePrefix.size());
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

Error error_at(const std::string& name, uint64_t offset, const Error& error) {
  return Error{error.code, name + ": offset " + std::to_string(offset) + ": " + error.message};
}

Error corrupt_at(const std::string& name, uint64_t offset, const std::string& what) {
  return error_at(name, offset, Error{ErrorCode::kCorrupt, what});
}

struct FoundFile {
  std::string name;
  std::unique_ptr<env::File> file;
  uint64_t bytes = 0;
};

/// A record above what is known to be synced, kept to be written again.
struct TailRecord {
  RecordKind kind;
  GroupId group;
  std::string payload;
};

class Recovery {
 public:
  Recovery(env::Disk& disk, const LogOptions& options) : disk_(disk), options_(options) {}

  Result<RecoveredLog> run() {
    if (Status status = find_files(); !status.ok()) return status.error();
    if (!segments_.empty()) {
      if (Status status = scan_newest(); !status.ok()) return status.error();
      const uint64_t newest_sequence = segments_.rbegin()->first;
      if (Status status = check_chain(); !status.ok()) return status.error();
      for (const std::vector<FoundFile>* files : {&blank_, &stale_}) {
        if (Status status = check_for_lost_header(*files, newest_sequence); !status.ok()) return status.error();
      }
      if (Status status = replay(); !status.ok()) return status.error();
      if (Status status = check_owner(); !status.ok()) return status.error();
    } else if (options_.must_exist) {
      return Error{ErrorCode::kCorrupt,
                   "the log of this data directory is missing: the node cannot know what it promised"};
    }
    log_.owner = options_.owner != 0 ? options_.owner : log_.owner_found;
    auto contents = compose_segment();
    if (!contents.ok()) return contents.error();
    auto groups = std::move(replay_).finish();
    if (!groups.ok()) return groups.error();
    log_.groups = std::move(groups).value();
    if (Status status = write_segment(*contents); !status.ok()) return status.error();
    sort_out_files();
    return std::move(log_);
  }

 private:
  struct HeldSegment {
    SegmentHeader header;
    FoundFile at;
  };

  Status find_files() {
    auto names = disk_.list();
    if (!names.ok()) return names.error();
    for (const std::string& name : names.value()) {
      const auto number = file_number(name);
      if (!number) continue;
      log_.next_file_number = std::max(log_.next_file_number, *number + 1);
      if (Status status = look_at(name); !status.ok()) return status;
    }
    if (segments_.empty() && !blank_.empty()) {
      return corrupt_at(blank_.front().name, 0, "no segment of the log is left, only prepared files");
    }
    return {};
  }

  Status look_at(const std::string& name) {
    auto file = disk_.open(name);
    if (!file.ok()) return file.error();
    FoundFile found{name, std::move(file).value(), 0};
    const auto bytes = found.file->size();
    if (!bytes.ok()) return bytes.error();
    found.bytes = *bytes;
    const auto block = found.file->read(0, kSegmentHeaderBytes);
    if (!block.ok()) return block.error();
    if (block->find_first_not_of('\0') == std::string::npos) {
      blank_.push_back(std::move(found));
      return {};
    }
    const auto header = decode_segment_header(*block);
    if (!header.ok()) return error_at(name, 0, header.error());
    const uint64_t sequence = header->sequence;
    const auto [held, is_new] = segments_.try_emplace(sequence, HeldSegment{*header, std::move(found)});
    if (!is_new) return corrupt_at(name, 0, "the same segment as " + held->second.at.name);
    return {};
  }

  /// Finds the end of the log, what is known to be synced, and which segments are needed.
  Status scan_newest() {
    HeldSegment& newest = segments_.rbegin()->second;
    log_.salt = newest.header.salt;
    first_needed_ = newest.header.first_sequence_needed;
    synced_ = newest.header.synced_through;
    SegmentReader reader(*newest.at.file, newest.header.sequence, log_.salt, newest.header.base, newest.at.bytes);
    Record record;
    while (true) {
      const auto outcome = reader.next(record);
      if (!outcome.ok()) return error_at(newest.at.name, reader.offset(), outcome.error());
      if (*outcome != SegmentReader::Outcome::kRecord) break;
      if (record.header.synced_through > record.position) {
        return corrupt_at(newest.at.name, record.position - newest.header.base, "synced_through lies ahead");
      }
      synced_ = std::max(synced_, record.header.synced_through);
      if (record.header.kind == RecordKind::kTrim) {
        first_needed_ = std::max(first_needed_, decode_trim(record.payload).value_or(0));
      }
    }
    end_ = reader.position();
    const auto later = reader.largest_synced_through_from(reader.offset());
    if (!later.ok()) return error_at(newest.at.name, reader.offset(), later.error());
    if (std::max(synced_, *later) > end_) {
      return corrupt_at(newest.at.name, reader.offset(), "damaged record below what was synced");
    }
    return {};
  }

  /// A prepared or recycled file without the next segment's header may hold records of it if its first write was torn;
  /// if a later fsync was noted there, it is the header that was lost. The newest header found may also have been meant
  /// for such a file and have gone to another, where no record follows it.
  Status check_for_lost_header(const std::vector<FoundFile>& files, uint64_t newest_sequence) {
    for (const FoundFile& found : files) {
      for (const uint64_t sequence : {newest_sequence, newest_sequence + 1}) {
        SegmentReader reader(*found.file, sequence, log_.salt, end_, found.bytes);
        const auto synced = reader.largest_synced_through_from(kSegmentHeaderBytes);
        if (!synced.ok()) return error_at(found.name, 0, synced.error());
        if (*synced > end_) return corrupt_at(found.name, 0, "the segment's header is gone");
      }
    }
    return {};
  }

  /// Follows the segments from the newest to the oldest needed one; whatever else was found is stale.
  Status check_chain() {
    std::map<uint64_t, HeldSegment> chain;
    uint64_t wanted = segments_.rbegin()->first;
    const HeldSegment* successor = nullptr;
    while (true) {
      const auto found = segments_.find(wanted);
      if (found == segments_.end()) {
        return corrupt_at(successor->at.name, 0, "segment " + std::to_string(wanted) + " before it is missing");
      }
      const HeldSegment& held = chain.emplace(wanted, std::move(found->second)).first->second;
      segments_.erase(found);
      if (held.header.salt != log_.salt) return corrupt_at(held.at.name, 0, "segment of another log");
      if (successor != nullptr) {
        const bool fits = successor->header.base >= held.header.base + kSegmentHeaderBytes &&
                          successor->header.base <= held.header.base + held.at.bytes;
        if (!fits) return corrupt_at(held.at.name, held.at.bytes, "its successor says that it ends elsewhere");
      }
      successor = &held;
      wanted = held.header.previous_sequence;
      if (wanted < first_needed_) break;
    }
    if (successor->header.sequence != first_needed_) {
      return corrupt_at(successor->at.name, 0, "segment " + std::to_string(first_needed_) + " is missing");
    }
    segments_.swap(chain);
    // A segment is said to be the oldest needed only once it is durable itself: headers and kTrim records name what the
    // last completed sync settled, and a kTrim that names its own segment carries a synced_through behind that
    // segment's first batch. The first segment of a log, and those recovery writes, are replaced into being whole and
    // note their own end as synced. So no crash leaves this, whatever order pages reached the disk in; were it let
    // through, the segment's replacement would go on naming it and the next recovery would miss it.
    const SegmentHeader& newest = segments_.rbegin()->second.header;
    if (is_newest_abandoned() && first_needed_ == newest.sequence) {
      return corrupt_at(segments_.rbegin()->second.at.name, 0, "synced_through contradicts first_sequence_needed");
    }
    for (auto& [sequence, held] : chain) stale_.push_back(std::move(held.at));
    return {};
  }

  /// True if no byte of the newest segment is known to be synced, its header included.
  bool is_newest_abandoned() const { return !segments_.empty() && synced_ == segments_.rbegin()->second.header.base; }

  Status replay() {
    for (auto held = segments_.begin(); held != segments_.end(); ++held) {
      const auto following = std::next(held);
      const LogPosition end = following == segments_.end() ? end_ : following->second.header.base;
      if (Status status = replay_segment(held->second, end); !status.ok()) return status;
    }
    if (!tail_begin_) states_at_tail_ = replay_.states();
    return {};
  }

  Status replay_segment(HeldSegment& held, LogPosition end) {
    const LogPosition base = held.header.base;
    SegmentReader reader(*held.at.file, held.header.sequence, log_.salt, base, end - base);
    Record record;
    while (true) {
      const auto outcome = reader.next(record);
      if (!outcome.ok()) return error_at(held.at.name, reader.offset(), outcome.error());
      if (*outcome == SegmentReader::Outcome::kEnd) return {};
      if (*outcome == SegmentReader::Outcome::kBad) {
        return corrupt_at(held.at.name, reader.offset(), "damaged record below what was synced");
      }
      if (record.position >= synced_) {
        hold_tail(record);
        continue;
      }
      Status applied = replay_.apply(record.header.kind, record.header.group, record.payload, record.position);
      if (!applied.ok()) return error_at(held.at.name, record.position - base, applied.error());
    }
  }

  void hold_tail(const Record& record) {
    if (!tail_begin_) {
      tail_begin_ = record.position;
      states_at_tail_ = replay_.states();
    }
    switch (record.header.kind) {
      case RecordKind::kEntry:
      case RecordKind::kHardState:
      case RecordKind::kCut:
      case RecordKind::kReset:
      case RecordKind::kGone:
      case RecordKind::kReplica:
        tail_.push_back({record.header.kind, record.header.group, std::string(record.payload)});
        break;
      case RecordKind::kGroupState:  // the new segment's head says the same
      case RecordKind::kTrim:        // its header says the same
      case RecordKind::kMarker:
      case RecordKind::kCopy:  // the originals are still there: they go only when a later record notes this sync
        break;
    }
  }

  /// A log of another life holds promises that are not ours, and lacks ours.
  Status check_owner() {
    const HeldSegment& newest = segments_.rbegin()->second;
    log_.owner_found = newest.header.owner;
    if (options_.owner == 0 || options_.owner == log_.owner_found) return {};
    const auto names_group = [](const TailRecord& record) { return record.kind != RecordKind::kGone; };
    const bool is_used = !states_at_tail_.empty() || std::ranges::any_of(tail_, names_group);
    if (!options_.must_exist && (log_.owner_found == 0 || !is_used)) return {};
    return corrupt_at(newest.at.name, 0, "this log belongs to another node's life");
  }

  /// The new segment's bytes; replays the tail at its new place.
  Result<std::string> compose_segment() {
    SegmentHeader header;
    header.sequence = segments_.empty() ? 1 : segments_.rbegin()->first + 1;
    header.salt = segments_.empty() ? options_.salt : log_.salt;
    header.base = tail_begin_.value_or(end_);
    if (!segments_.empty()) header.previous_sequence = segments_.rbegin()->first;
    if (is_newest_abandoned()) {
      HeldSegment& newest = segments_.rbegin()->second;
      header.base = newest.header.base;
      header.previous_sequence = newest.header.previous_sequence;
      stale_.push_back(std::move(newest.at));
      segments_.erase(header.sequence - 1);
    }
    header.first_sequence_needed = first_needed_;
    header.owner = log_.owner;
    const RecordSeal seal(header.sequence, header.salt);
    BatchEncoder encoder(seal, header.base + kSegmentHeaderBytes, header.base);
    for (const auto& [id, state] : states_at_tail_) {
      encoder.add(RecordKind::kGroupState, id, encode_group_state(state));
    }
    for (const TailRecord& record : tail_) {
      const LogPosition position = encoder.add(record.kind, record.group, record.payload);
      Status applied = replay_.apply(record.kind, record.group, record.payload, position);
      if (!applied.ok()) return Error{applied.error().code, "last batch of the log: " + applied.error().message};
    }
    tail_.clear();
    header.synced_through = log_.end = encoder.end();
    std::string contents = encode_segment_header(header);
    for (const Bytes& chunk : std::move(encoder).take_chunks()) contents += chunk.view();
    newest_.sequence = header.sequence;
    newest_.base = header.base;
    log_.salt = header.salt;
    log_.first_sequence_needed = first_needed_;
    return contents;
  }

  Status write_segment(const std::string& contents) {
    const std::string name = segment_file_name(log_.next_file_number++);
    Status written = disk_.replace(name, contents);
    while (!written.ok() && written.error().code == ErrorCode::kDiskFull && !blank_.empty()) {
      (void)disk_.remove(
          blank_.back().name);  // a prepared file gives way, so that a full disk can still be served from
      blank_.pop_back();
      written = disk_.replace(name, contents);
    }
    if (!written.ok()) return written.error();
    auto file = disk_.open(name);
    if (!file.ok()) return file.error();
    newest_.name = name;
    newest_.file = std::move(file).value();
    return {};
  }

  void sort_out_files() {
    for (auto& [sequence, held] : segments_) {
      log_.segments.push_back({sequence, held.header.base, held.at.name, std::move(held.at.file)});
    }
    log_.segments.push_back(std::move(newest_));
    for (std::vector<FoundFile>* files : {&blank_, &stale_}) {
      for (FoundFile& file : *files) {
        const bool is_spare =
            file.bytes == options_.segment_bytes && log_.spare_names.size() < options_.recycled_segments_max;
        (is_spare ? log_.spare_names : log_.surplus_names).push_back(std::move(file.name));
      }
    }
  }

  env::Disk& disk_;
  const LogOptions& options_;
  RecoveredLog log_;
  std::map<uint64_t, HeldSegment> segments_;  // by sequence
  std::vector<FoundFile> blank_;
  std::vector<FoundFile> stale_;
  uint64_t first_needed_ = 1;
  LogPosition synced_;
  LogPosition end_;
  LogReplay replay_;
  std::optional<LogPosition> tail_begin_;
  std::map<GroupId, GroupState> states_at_tail_;
  std::vector<TailRecord> tail_;
  Segment newest_;
};

}  // namespace

std::string segment_file_name(uint64_t number) {
  std::string digits(kNameDigits, '0');
  for (size_t i = kNameDigits; i-- > 0; number >>= 4) digits[i] = "0123456789abcdef"[number & 15];
  return std::string(kNamePrefix) + digits;
}

Result<RecoveredLog> recover_log(env::Disk& disk, const LogOptions& options) { return Recovery(disk, options).run(); }

}  // namespace torc::storage
