#include "storage/log.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/lifetime.h"
#include "storage/batch_encoder.h"
#include "storage/completions.h"
#include "storage/entry_reader.h"
#include "storage/log_groups.h"
#include "storage/log_recovery.h"
#include "storage/pending_appends.h"
#include "storage/segment_header.h"
#include "storage/segment_set.h"
#include "storage/tail_copies.h"

namespace torc::storage {
namespace {

class SegmentedLog final : public Log {
 public:
  SegmentedLog(env::Disk& disk, env::Clock& clock, const LogOptions& options, RecoveredLog recovered)
      : clock_(clock),
        options_(options),
        recovered_(recovered.groups.groups),
        groups_(std::move(recovered.groups)),
        salt_(recovered.salt),
        owner_(recovered.owner),
        owner_found_(recovered.owner_found),
        end_(recovered.end),
        synced_(recovered.end),
        noted_(recovered.end),
        needed_(recovered.first_sequence_needed),
        announced_(recovered.first_sequence_needed),
        segments_(
            disk, clock, options_, recovered, [this] { on_reserve_changed(); },
            [this](const Error& error) { fail(error); }),
        seal_(segments_.current().sequence, salt_),
        tail_copies_(options_) {}

  ~SegmentedLog() override {
    clock_.cancel(marker_timer_);
    clock_.cancel(retry_timer_);
  }

  const std::map<GroupId, GroupLog>& recovered() const override { return recovered_; }
  uint64_t owner() const override { return owner_found_; }

  void begin_replica(GroupId id, ReplicaNumber number) override {
    LogGroup& group = groups_.of(id);
    CHECK(number && group.appended == GroupState()) << id;
    group.appended.replica = number;
    pending_.add(RecordKind::kReplica, id, encode_replica(number));
  }

  void append_hard_state(GroupId id, const consensus::HardState& state) override {
    groups_.of(id).appended.hard_state = state;
    pending_.add(RecordKind::kHardState, id, encode_hard_state(state));
  }

  void append_entries(GroupId id, const std::vector<consensus::Entry>& entries) override {
    LogGroup& group = groups_.of(id);
    for (const consensus::Entry& entry : entries) {
      group.append(entry, next_batch_);
      // A new leader's first entry is committed only behind what it brings from former terms, and is sent behind it.
      const bool is_of_former_term = entry.term < group.appended.hard_state.term;
      pending_.add_entry(id, entry, entry.kind != consensus::EntryKind::kCommands || is_of_former_term);
    }
  }

  void cut(GroupId id, LogIndex index, Term term) override {
    LogGroup& group = groups_.of(id);
    if (index <= group.appended.start_index) return;
    group.cut(index, term);
    pending_.add(RecordKind::kCut, id, encode_point(index, term));
  }

  void reset(GroupId id, LogIndex index, Term term) override {
    groups_.of(id).reset(index, term);
    pending_.add(RecordKind::kReset, id, encode_point(index, term));
  }

  void remove(GroupId id) override {
    LogGroup* group = groups_.find(id);
    if (group == nullptr) return;
    group->remove();
    pending_.add(RecordKind::kGone, id, {});
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
      if (waits_for_space_ && pending_.has_urgent() && segments_.give_space()) write_again();
    } else if (may_submit()) {
      submit();
      finished_.run();  // of a submission that failed
    }
  }

  Result<std::vector<consensus::Entry>> read(GroupId id, LogIndex first, LogIndex last, size_t bytes_max) override {
    const LogGroup* group = groups_.find(id);
    if (group == nullptr) return Error{ErrorCode::kNotFound, "no such group in the log"};
    return read_entries(*group, segments_, salt_, first, last, bytes_max);
  }

  uint64_t bytes_retained() const override { return end_ - segments_.oldest().base; }
  uint64_t group_bytes(GroupId id) const override {
    const LogGroup* group = groups_.find(id);
    return group == nullptr ? 0 : group->index.bytes();
  }
  std::vector<Pin> pins_beyond(uint64_t bytes, size_t count_max) const override {
    return groups_.pins_beyond(bytes, count_max, segments_, end_);
  }
  bool disk_full() const override { return is_disk_full_; }
  DiskProgress disk_progress() const override {
    DiskProgress progress{is_disk_full_, pending_.bytes(), std::nullopt, last_write_took_, synced_at_};
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
    uint64_t announced = 0;  // oldest segment needed as told by this batch
    std::vector<GroupId> spoken_of;
    std::vector<TailCopy> copies;
    std::vector<std::function<void(Status)>> done;
  };

  // ---- writing ----

  /// With no space for the reserve, what little there is is not for commands, unless something urgent is behind them.
  bool may_submit() const { return !segments_.reserve().is_lacking() || pending_.has_urgent() || pending_.empty(); }

  /// Everything that gathered, in one write. If what is to be copied cannot be read, the log has failed: the caller
  /// tells who waits. Requires: nothing in flight.
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
    batch.is_urgent = pending_.has_urgent();
    batch.announced = announced_;
    if (!is_disk_full_ && (is_new_segment || has_room_for_copies())) {
      auto copies = tail_copies_.due(groups_, segments_, salt_, end_);
      if (!copies.ok()) return note_failure(copies.error());
      batch.copies = *std::move(copies);
    }
    BatchEncoder encoder(seal_, end_, synced_);
    if (is_new_segment) {
      encode_head(encoder);
      batch.announced = needed_;
    } else if (needed_ > announced_) {
      encoder.add(RecordKind::kTrim, {}, encode_trim(needed_));
      batch.announced = needed_;
    }
    // In front of what gathers, so that a group's entries stand in the order of their indexes.
    for (TailCopy& copy : batch.copies) copy.write(encoder);
    const LogPosition behind_copies = encoder.end();
    batch.spoken_of = pending_.write(encoder, groups_);
    groups_.note_written(batch.spoken_of);
    ++next_batch_;
    batch.end = encoder.end();
    tail_copies_.note_written(batch.end - behind_copies);
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
    return segments_.current_is_short() || used + pending_.bytes() > options_.segment_bytes;
  }

  bool has_room_for_copies() const {
    const uint64_t used = end_ - segments_.current().base;
    return used + pending_.bytes() + options_.copy_tail_bytes_max <= options_.segment_bytes;
  }

  /// What lets older segments go: the header, and every group's state as of the end of the segment before.
  void encode_head(BatchEncoder& encoder) {
    SegmentHeader header;
    header.sequence = segments_.current().sequence;
    header.base = end_;
    header.synced_through = end_;  // a batch is submitted only when the one before is durable
    header.first_sequence_needed = needed_;
    header.salt = salt_;
    header.owner = owner_;
    header.previous_sequence = header.sequence - 1;
    encoder.add_block(encode_segment_header(header));
    groups_.write_states(encoder);
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
      waiting_.empty() ? schedule_marker() : submit();
      return finished_.run();
    }
    waits_for_space_ = true;
    note_disk_full();
    if ((in_flight_->is_urgent || pending_.has_urgent()) && segments_.give_space()) return write_again();
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
    const bool is_urgent = in_flight_->is_urgent || pending_.has_urgent();
    if (segments_.reserve().is_lacking() && !is_urgent) return schedule_retry();
    waits_for_space_ = false;
    write_in_flight();
  }

  void on_reserve_changed() {
    note_disk_full();
    if (!in_flight_ && !finished_.has_failed() && !waiting_.empty() && may_submit()) submit();
    finished_.run();
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
      groups_.note_durable(batch.spoken_of, batch.copies, next_batch_);
      needed_ = groups_.oldest_sequence_needed(segments_);
      announced_ = batch.announced;
      segments_.release_before(announced_);
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
    note_failure(error);
    finished_.run();
  }

  void note_failure(const Error& error) {
    finished_.fail(error);
    if (in_flight_) finished_.add(std::move(in_flight_->done));
    in_flight_.reset();
    finished_.add(std::exchange(waiting_, {}));
  }

  void note_disk_full() {
    const bool is_full = waits_for_space_ || segments_.reserve().is_lacking();
    if (std::exchange(is_disk_full_, is_full) == is_full) return;
    if (options_.on_disk_full_changed) options_.on_disk_full_changed(is_full);
  }

  env::Clock& clock_;
  const LogOptions options_;
  const std::map<GroupId, GroupLog> recovered_;
  LogGroups groups_;
  const uint64_t salt_;
  const uint64_t owner_;
  const uint64_t owner_found_;
  LogPosition end_;     // where the next batch goes
  LogPosition synced_;  // end of the last completed fsync
  Instant synced_at_;
  Duration last_write_took_{0};
  LogPosition noted_;   // the largest synced_through that stands in the log
  uint64_t needed_;     // oldest segment needed by what is durable
  uint64_t announced_;  // the same as the log says durably: older ones are released
  SegmentSet segments_;
  RecordSeal seal_;  // of the current segment

  TailCopies tail_copies_;
  PendingAppends pending_;
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
