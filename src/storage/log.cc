#include "storage/log.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/lifetime.h"
#include "storage/batch_encoder.h"
#include "storage/completions.h"
#include "storage/entry_reader.h"
#include "storage/log_group.h"
#include "storage/log_recovery.h"
#include "storage/segment_header.h"
#include "storage/segment_set.h"

namespace torc::storage {
namespace {

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
      LogGroup& group = groups_[id];
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
    LogGroup& group = groups_[id];
    for (const consensus::Entry& entry : entries) {
      group.append(entry, next_batch_);
      pending_bytes_ += record_bytes(entry.size());
      pending_.push_back({RecordKind::kEntry, id, entry, {}});
      // A new leader's first entry is committed only behind what it brings from former terms, and is sent behind it.
      const bool is_of_former_term = entry.term < group.appended.hard_state.term;
      has_urgent_ |= entry.kind != consensus::EntryKind::kCommands || is_of_former_term;
    }
  }

  void cut(GroupId id, LogIndex index, Term term) override {
    LogGroup& group = groups_[id];
    if (index <= group.appended.start_index) return;
    group.cut(index, term);
    pending_.push_back({RecordKind::kCut, id, {}, encode_point(index, term)});
    has_urgent_ = true;  // it frees space
  }

  void reset(GroupId id, LogIndex index, Term term) override {
    groups_[id].reset(index, term);
    pending_.push_back({RecordKind::kReset, id, {}, encode_point(index, term)});
    has_urgent_ = true;
  }

  void flush(std::function<void(Status)> done) override {
    if (finished_.has_failed()) return finish(std::move(done));
    if (pending_.empty() && waiting_.empty()) {
      if (!in_flight_ || in_flight_->is_marker) return finish(std::move(done));
      in_flight_->done.push_back(std::move(done));
      return;
    }
    waiting_.push_back(std::move(done));
    if (in_flight_) {
      if (waits_for_space_ && has_urgent_ && segments_.give_space()) write_again();
    } else if (may_submit()) {
      submit();
    }
  }

  Result<std::vector<consensus::Entry>> read(GroupId id, LogIndex first, LogIndex last, size_t bytes_max) override {
    const auto found = groups_.find(id);
    if (found == groups_.end()) return Error{ErrorCode::kNotFound, "no such group in the log"};
    return read_entries(found->second, segments_, salt_, first, last, bytes_max);
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
    LogGroup& group = groups_[append.group];
    if (append.kind == RecordKind::kEntry) {
      group.note_entry_written(append.entry.index, encoder.add_entry(append.group, append.entry));
    } else {
      encoder.add(append.kind, append.group, append.payload);
      group.note_written(append.kind, append.payload);
    }
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
    if (finished_.has_failed()) return;
    if (status.ok()) return complete();
    if (status.error().code != ErrorCode::kDiskFull) return fail(status.error());
    if (in_flight_->is_marker) {  // the next write goes over whatever is left of it
      in_flight_.reset();
      return waiting_.empty() ? schedule_marker() : submit();
    }
    waits_for_space_ = true;
    note_disk_full();
    if ((in_flight_->is_urgent || has_urgent_) && segments_.give_space()) return write_again();
    schedule_retry();
  }

  void schedule_retry() {
    retry_timer_ = clock_.call_at(clock_.now() + kDiskFullRetryDelay, [this] { retry(); });
  }

  void write_again() {
    clock_.cancel(retry_timer_);
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
    if (!in_flight_ && !finished_.has_failed() && !waiting_.empty() && may_submit()) submit();
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
      for (auto& [id, group] : groups_) group.forget_synced(next_batch_);
    }
    waits_for_space_ = false;
    note_disk_full();
    finished_.add(std::move(batch.done));
    // The next write starts before the callbacks run, so that the disk does not wait for what they do.
    if (!in_flight_ && (!waiting_.empty() || needed_ > announced_) && may_submit()) submit();
    schedule_marker();
    finished_.run();
  }

  /// An idle log notes in a marker that its last batch is durable, so that later damage to it is not taken for a torn
  /// tail. The marker needs no sync: losing it loses only that, and the next batch's sync covers it.
  void schedule_marker() {
    if (noted_ == synced_ || marker_timer_ != 0 || in_flight_) return;
    marker_timer_ = clock_.call_at(std::max(clock_.now(), synced_at_ + options_.marker_delay), [this] {
      marker_timer_ = 0;
      if (in_flight_ || finished_.has_failed() || noted_ == synced_) return;  // a batch in flight schedules it anew
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
    finished_.add(std::move(done));
    finished_.run();
  }

  void fail(const Error& error) {
    finished_.fail(error);
    if (in_flight_) finished_.add(std::move(in_flight_->done));
    in_flight_.reset();
    finished_.add(std::exchange(waiting_, {}));
    finished_.run();
  }

  void note_disk_full() {
    const bool is_full = waits_for_space_ || segments_.reserve().is_lacking();
    if (std::exchange(is_disk_full_, is_full) == is_full) return;
    if (options_.on_disk_full_changed) options_.on_disk_full_changed(is_full);
  }

  env::Clock& clock_;
  const LogOptions options_;
  std::map<GroupId, GroupLog> recovered_;
  std::map<GroupId, LogGroup> groups_;
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
  Completions finished_;
  bool is_disk_full_ = false;
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
