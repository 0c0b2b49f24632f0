#include "storage/log.h"

#include <algorithm>
#include <deque>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/lifetime.h"
#include "storage/batch_encoder.h"
#include "storage/log_recovery.h"
#include "storage/segment_header.h"
#include "storage/segment_set.h"

namespace torc::storage {
namespace {

/// One blocking read of several neighbouring entries.
constexpr uint64_t kReadSpanBytes = 1u << 20;

/// An append that gathers. `entry` of kEntry, `payload` of the others.
struct Append {
  RecordKind kind;
  GroupId group;
  consensus::Entry entry;
  std::string payload;
};

class SegmentedLog final : public Log {
 public:
  SegmentedLog(env::Disk& disk, env::Clock& clock, const LogOptions& options, RecoveredLog recovered)
      : clock_(clock),
        options_(options),
        salt_(recovered.salt),
        end_(recovered.end),
        synced_(recovered.end),
        noted_(recovered.end),
        needed_(recovered.first_sequence_needed),
        announced_(recovered.first_sequence_needed),
        segments_(
            disk, clock, options_, recovered, [this] { on_reserve_changed(); },
            [this](const Error& error) { fail(error); }),
        seal_(segments_.current().sequence, salt_) {
    for (auto& [id, log] : recovered.groups.groups) {
      Group& group = groups_[id];
      group.appended = {log.hard_state, log.start_index, log.start_term, log.last_index};
      group.written = group.appended;
      group.is_known = true;
      group.index = std::move(recovered.groups.indexes[id]);
    }
    recovered_ = std::move(recovered.groups.groups);
  }

  ~SegmentedLog() override {
    clock_.cancel(marker_timer_);
    clock_.cancel(retry_timer_);
  }

  const std::map<GroupId, GroupLog>& recovered() const override { return recovered_; }

  void append_hard_state(GroupId id, const consensus::HardState& state) override {
    groups_[id].appended.hard_state = state;
    pending_.push_back({RecordKind::kHardState, id, {}, encode_hard_state(state)});
    has_urgent_ = true;
  }

  void append_entries(GroupId id, const std::vector<consensus::Entry>& entries) override {
    Group& group = groups_[id];
    for (const consensus::Entry& entry : entries) {
      GroupState& state = group.appended;
      CHECK(entry.index > state.start_index && entry.index <= state.last_index + 1)
          << "group=" << id << " index=" << entry.index << " start=" << state.start_index
          << " last=" << state.last_index;
      state.last_index = entry.index;
      group.index.append(entry.index, {LogPosition(), static_cast<uint32_t>(entry.size())});
      while (!group.unsynced.empty() && group.unsynced.back().entry.index >= entry.index) group.unsynced.pop_back();
      group.unsynced.push_back({entry, next_batch_});
      pending_bytes_ += record_bytes(entry.size());
      pending_.push_back({RecordKind::kEntry, id, entry, {}});
      has_urgent_ |= entry.kind != consensus::EntryKind::kCommands;
    }
  }

  void cut(GroupId id, LogIndex index, Term term) override {
    Group& group = groups_[id];
    if (index <= group.appended.start_index) return;
    CHECK(index <= group.appended.last_index) << "group=" << id << " index=" << index;
    group.appended.start_index = index;
    group.appended.start_term = term;
    group.index.cut(index);
    pending_.push_back({RecordKind::kCut, id, {}, encode_point(index, term)});
    has_urgent_ = true;  // it frees space
  }

  void reset(GroupId id, LogIndex index, Term term) override {
    Group& group = groups_[id];
    group.appended.start_index = group.appended.last_index = index;
    group.appended.start_term = term;
    group.index.clear();
    group.unsynced.clear();
    pending_.push_back({RecordKind::kReset, id, {}, encode_point(index, term)});
    has_urgent_ = true;
  }

  void flush(std::function<void(Status)> done) override {
    if (fatal_) return finish(std::move(done));
    if (pending_.empty() && waiting_.empty()) {
      if (!in_flight_ || in_flight_->is_marker) return finish(std::move(done));
      in_flight_->done.push_back(std::move(done));
      return;
    }
    waiting_.push_back(std::move(done));
    if (in_flight_) {
      if (waits_for_space_ && has_urgent_ && segments_.reserve().is_held()) write_from_reserve();
    } else if (may_submit()) {
      submit();
    }
  }

  Result<std::vector<consensus::Entry>> read(GroupId id, LogIndex first, LogIndex last, size_t bytes_max) override {
    std::vector<consensus::Entry> entries;
    const auto found = groups_.find(id);
    if (found == groups_.end()) return Error{ErrorCode::kNotFound, "no such group in the log"};
    const Group& group = found->second;
    if (first <= group.appended.start_index) {
      return Error{ErrorCode::kNotFound, "entry " + std::to_string(first.value) + " was cut"};
    }
    size_t bytes = 0;
    for (LogIndex index = first; index <= last && (bytes < bytes_max || entries.empty());) {
      const size_t count_before = entries.size();
      if (!group.unsynced.empty() && index >= group.unsynced.front().entry.index) {
        const size_t at = index - group.unsynced.front().entry.index;
        if (at < group.unsynced.size()) entries.push_back(group.unsynced[at].entry);
      } else if (Status status = read_span(group, index, last, bytes_max - bytes, entries); !status.ok()) {
        return status.error();
      }
      if (entries.size() == count_before) break;
      for (size_t i = count_before; i < entries.size(); ++i) bytes += entries[i].size();
      index = entries.back().index + 1;
    }
    if (entries.empty() && first <= last) {
      return Error{ErrorCode::kNotFound, "entry " + std::to_string(first.value) + " is not in the log"};
    }
    return entries;
  }

  uint64_t bytes_retained() const override { return end_ - segments_.oldest().base; }
  uint64_t group_bytes(GroupId id) const override {
    const auto found = groups_.find(id);
    return found == groups_.end() ? 0 : found->second.index.bytes();
  }
  bool disk_full() const override { return is_disk_full_; }
  DiskProgress disk_progress() const override {
    DiskProgress progress{is_disk_full_, pending_bytes_, std::nullopt, last_write_took_, synced_at_};
    if (in_flight_ && !in_flight_->is_marker) {
      progress.bytes_unsynced += in_flight_->end - in_flight_->begin;
      if (!waits_for_space_) progress.writing_since = in_flight_->since;
    }
    return progress;
  }

 private:
  struct UnsyncedEntry {
    consensus::Entry entry;
    uint64_t batch;
  };
  struct Group {
    GroupState appended;
    GroupState written;     // as of the last batch handed to the disk
    bool is_known = false;  // some record of it was handed to the disk
    EntryIndex index;
    std::deque<UnsyncedEntry> unsynced;  // read from memory until their batch is on disk
  };
  struct Batch {
    std::vector<Bytes> chunks;
    LogPosition begin;
    LogPosition end;
    bool is_marker = false;
    bool is_urgent = false;  // holds something else than commands
    Instant since;           // handed to the disk, the last time
    uint64_t needed = 0;     // oldest segment needed once this batch is durable
    uint64_t announced = 0;  // oldest segment needed as told by this batch
    std::vector<std::function<void(Status)>> done;
  };

  // ---- writing ----

  /// With no space for the reserve, what little there is is not for commands, unless something urgent is behind them.
  bool may_submit() const { return !segments_.reserve().is_lacking() || has_urgent_ || pending_.empty(); }

  /// Everything that gathered, in one write. Requires: nothing in flight.
  void submit() {
    CHECK(!in_flight_);
    // A marker may stand behind synced_. The coming sync covers it only in the same file, so a new segment begins
    // before it: everything below a segment's base is durable.
    const bool is_new_segment = wants_next_segment() && segments_.begin_next(synced_).ok();
    if (is_new_segment) {
      end_ = synced_;
      seal_ = RecordSeal(segments_.current().sequence, salt_);
    }
    Batch batch;
    batch.begin = end_;
    batch.is_urgent = std::exchange(has_urgent_, false);
    batch.announced = announced_;
    BatchEncoder encoder(seal_, end_, synced_);
    if (is_new_segment) {
      encode_head(encoder);
      batch.announced = needed_;
    } else if (needed_ > announced_) {
      encoder.add(RecordKind::kTrim, {}, encode_trim(needed_));
      batch.announced = needed_;
    }
    for (Append& append : pending_) encode(encoder, append);
    pending_.clear();
    pending_bytes_ = 0;
    ++next_batch_;
    batch.end = encoder.end();
    batch.needed = oldest_sequence_needed();
    batch.chunks = std::move(encoder).take_chunks();
    batch.done = std::exchange(waiting_, {});
    noted_ = synced_;
    in_flight_ = std::move(batch);
    write_in_flight();
    segments_.prepare_spare();  // behind the write, which somebody waits for
  }

  bool wants_next_segment() const {
    if (!segments_.has_spare()) return false;  // the current one grows until a spare is ready
    const uint64_t used = end_ - segments_.current().base;
    return segments_.current_is_short() || used + pending_bytes_ > options_.segment_bytes;
  }

  /// What lets older segments go: the header, and every group's state as of the end of the segment before.
  void encode_head(BatchEncoder& encoder) {
    SegmentHeader header;
    header.sequence = segments_.current().sequence;
    header.base = end_;
    header.synced_through = end_;  // a batch is submitted only when the one before is durable
    header.first_sequence_needed = needed_;
    header.salt = salt_;
    header.previous_sequence = header.sequence - 1;
    encoder.add_block(encode_segment_header(header));
    for (const auto& [id, group] : groups_) {
      if (!group.is_known) continue;  // its first record is in this batch
      encoder.add(RecordKind::kGroupState, id, encode_group_state(group.written));
    }
  }

  void encode(BatchEncoder& encoder, const Append& append) {
    Group& group = groups_[append.group];
    group.is_known = true;
    if (append.kind == RecordKind::kEntry) {
      const LogPosition record = encoder.add_entry(append.group, append.entry);
      group.written.last_index = append.entry.index;
      group.index.move(append.entry.index, record);
      return;
    }
    encoder.add(append.kind, append.group, append.payload);
    if (append.kind == RecordKind::kHardState) {
      group.written.hard_state = *decode_hard_state(append.payload);
      return;
    }
    const LogPoint point = *decode_point(append.payload);
    group.written.start_index = point.index;
    group.written.start_term = point.term;
    if (append.kind == RecordKind::kReset) group.written.last_index = point.index;
  }

  uint64_t oldest_sequence_needed() const {
    uint64_t oldest = segments_.current().sequence;
    for (const auto& [id, group] : groups_) {
      if (!group.index.empty()) oldest = std::min(oldest, segments_.holding(group.index.oldest_record()).sequence);
    }
    return oldest;
  }

  void write_in_flight() {
    in_flight_->since = clock_.now();
    const Segment& segment = segments_.current();
    segment.file->write(in_flight_->begin - segment.base, in_flight_->chunks, !in_flight_->is_marker,
                        lifetime_.bind([this](const Status& status) { on_written(status); }));
  }

  void on_written(const Status& status) {
    if (fatal_) return;
    if (status.ok()) return complete();
    if (status.error().code != ErrorCode::kDiskFull) return fail(status.error());
    if (in_flight_->is_marker) {  // the next write goes over whatever is left of it
      in_flight_.reset();
      return waiting_.empty() ? schedule_marker() : submit();
    }
    waits_for_space_ = true;
    note_disk_full();
    if ((in_flight_->is_urgent || has_urgent_) && segments_.reserve().is_held()) return write_from_reserve();
    schedule_retry();
  }

  void schedule_retry() {
    retry_timer_ = clock_.call_at(clock_.now() + kDiskFullRetryDelay, [this] { retry(); });
  }

  void write_from_reserve() {
    clock_.cancel(retry_timer_);
    segments_.reserve().release();
    retry();
  }

  void retry() {
    if (!in_flight_ || !waits_for_space_) return;
    const bool is_urgent = in_flight_->is_urgent || has_urgent_;
    if (segments_.reserve().is_lacking() && !is_urgent) return schedule_retry();
    waits_for_space_ = false;
    write_in_flight();
  }

  void on_reserve_changed() {
    note_disk_full();
    if (!in_flight_ && !fatal_ && !waiting_.empty() && may_submit()) submit();
  }

  void complete() {
    Batch batch = std::move(*in_flight_);
    in_flight_.reset();
    end_ = batch.end;
    if (batch.is_marker) {
      noted_ = synced_;
    } else {
      synced_ = end_;
      synced_at_ = clock_.now();
      last_write_took_ = synced_at_ - batch.since;
      needed_ = batch.needed;
      announced_ = batch.announced;
      segments_.release_before(announced_);
      for (auto& [id, group] : groups_) {
        while (!group.unsynced.empty() && group.unsynced.front().batch < next_batch_) group.unsynced.pop_front();
      }
    }
    waits_for_space_ = false;
    note_disk_full();
    for (auto& done : batch.done) finished_.push_back(std::move(done));
    // The next write starts before the callbacks run, so that the disk does not wait for what they do.
    if (!in_flight_ && (!waiting_.empty() || needed_ > announced_) && may_submit()) submit();
    schedule_marker();
    run_finished();
  }

  /// An idle log notes in a marker that its last batch is durable, so that later damage to it is not taken for a torn
  /// tail. The marker needs no sync: losing it loses only that, and the next batch's sync covers it.
  void schedule_marker() {
    if (noted_ == synced_ || marker_timer_ != 0 || in_flight_) return;
    marker_timer_ = clock_.call_at(std::max(clock_.now(), synced_at_ + options_.marker_delay), [this] {
      marker_timer_ = 0;
      if (in_flight_ || fatal_ || noted_ == synced_) return;  // a batch in flight schedules it anew
      if (clock_.now() < synced_at_ + options_.marker_delay) return schedule_marker();
      write_marker();
    });
  }

  void write_marker() {
    BatchEncoder encoder(seal_, end_, synced_);
    encoder.add(RecordKind::kMarker, {}, {});
    Batch batch;
    batch.is_marker = true;
    batch.begin = end_;
    batch.end = encoder.end();
    batch.chunks = std::move(encoder).take_chunks();
    in_flight_ = std::move(batch);
    write_in_flight();
  }

  // ---- telling ----

  void finish(std::function<void(Status)> done) {
    finished_.push_back(std::move(done));
    run_finished();
  }

  /// Runs callbacks in order even if one of them flushes again, or ends the log.
  void run_finished() {
    if (is_running_finished_) return;
    is_running_finished_ = true;
    const Lifetime::Watch watch = lifetime_.watch();
    while (!finished_.empty()) {
      const auto done = std::move(finished_.front());
      finished_.pop_front();
      done(fatal_ ? Status(*fatal_) : Status());
      if (watch.is_over()) return;
    }
    is_running_finished_ = false;
  }

  void fail(const Error& error) {
    if (!fatal_) fatal_ = error;
    if (in_flight_) {
      for (auto& done : in_flight_->done) finished_.push_back(std::move(done));
      in_flight_.reset();
    }
    for (auto& done : waiting_) finished_.push_back(std::move(done));
    waiting_.clear();
    run_finished();
  }

  void note_disk_full() {
    const bool is_full = waits_for_space_ || segments_.reserve().is_lacking();
    if (std::exchange(is_disk_full_, is_full) == is_full) return;
    if (options_.on_disk_full_changed) options_.on_disk_full_changed(is_full);
  }

  // ---- reading ----

  /// Appends neighbouring entries from `index` on that one read of the file yields; none if `index` is unknown.
  Status read_span(const Group& group, LogIndex index, LogIndex last, size_t bytes_max,
                   std::vector<consensus::Entry>& entries) {
    const auto first = group.index.find(index);
    if (!first) return {};
    const Segment& segment = segments_.holding(first->record);
    std::vector<EntryPlace> places;
    uint64_t bytes = 0;
    for (LogIndex at = index; at <= last && (places.empty() || bytes < bytes_max); ++at) {
      const auto place = group.index.find(at);
      const bool is_durable = place && (group.unsynced.empty() || at < group.unsynced.front().entry.index);
      if (!is_durable || &segments_.holding(place->record) != &segment) break;
      if (!places.empty() && place->record - first->record > kReadSpanBytes) break;
      bytes += place->encoded_bytes;
      places.push_back(*place);
    }
    const uint64_t span = places.back().record - first->record + record_bytes(places.back().encoded_bytes);
    auto read = segment.file->read(first->record - segment.base, span);
    if (!read.ok()) return read.error();
    const Bytes buffer(std::move(read).value());
    const RecordSeal seal(segment.sequence, salt_);
    for (const EntryPlace& place : places) {
      const Bytes record = buffer.slice(place.record - first->record, record_bytes(place.encoded_bytes));
      auto entry = parse(seal, record, place, index + entries_read(places, place));
      if (!entry.ok()) {
        return Error{entry.error().code, segment.name + ": offset " + std::to_string(place.record - segment.base) +
                                             ": " + entry.error().message};
      }
      entries.push_back(std::move(entry).value());
    }
    return {};
  }

  static size_t entries_read(const std::vector<EntryPlace>& places, const EntryPlace& place) {
    return static_cast<size_t>(&place - places.data());
  }

  static Result<consensus::Entry> parse(const RecordSeal& seal, const Bytes& record, const EntryPlace& place,
                                        LogIndex index) {
    const Error damaged{ErrorCode::kCorrupt, "damaged entry " + std::to_string(index.value)};
    if (record.size() != record_bytes(place.encoded_bytes)) return damaged;
    const auto header = seal.parse_header(record.view().data());
    if (!header || header->kind != RecordKind::kEntry || header->payload_bytes != place.encoded_bytes) return damaged;
    Bytes encoded = record.slice(kRecordHeaderBytes, place.encoded_bytes);
    if (crc32c(encoded.view()) != header->payload_crc) return damaged;
    auto entry = consensus::take_entry(encoded);
    if (!entry.ok() || entry->index != index) return damaged;
    return entry;
  }

  env::Clock& clock_;
  const LogOptions options_;
  std::map<GroupId, GroupLog> recovered_;
  std::map<GroupId, Group> groups_;
  const uint64_t salt_;
  LogPosition end_;     // where the next batch goes
  LogPosition synced_;  // end of the last completed fsync
  Instant synced_at_;
  Duration last_write_took_{0};
  LogPosition noted_;   // the largest synced_through that stands in the log
  uint64_t needed_;     // oldest segment needed by what is durable
  uint64_t announced_;  // the same as the log says durably: older ones are released
  SegmentSet segments_;
  RecordSeal seal_;  // of the current segment

  std::vector<Append> pending_;
  uint64_t pending_bytes_ = 0;
  bool has_urgent_ = false;  // among pending_
  uint64_t next_batch_ = 1;  // number of the batch that gathers
  std::vector<std::function<void(Status)>> waiting_;
  std::optional<Batch> in_flight_;
  bool waits_for_space_ = false;  // in_flight_ does
  std::deque<std::function<void(Status)>> finished_;
  bool is_running_finished_ = false;
  bool is_disk_full_ = false;
  std::optional<Error> fatal_;
  env::TimerId marker_timer_ = 0;
  env::TimerId retry_timer_ = 0;
  Lifetime lifetime_;
};

}  // namespace

Result<std::unique_ptr<Log>> Log::open(env::Disk& disk, env::Clock& clock, const LogOptions& options) {
  auto recovered = recover_log(disk, options);
  if (!recovered.ok()) return recovered.error();
  return std::unique_ptr<Log>(std::make_unique<SegmentedLog>(disk, clock, options, std::move(recovered).value()));
}

}  // namespace torc::storage
