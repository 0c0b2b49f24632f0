#include "server/salvage_source.h"

#include <algorithm>

#include "base/codec.h"
#include "kv/image_format.h"
#include "kv/position.h"
#include "storage/checkpoint_format.h"

namespace torc::server {
namespace {

constexpr GroupId kGroup{1};

class NoReplies final : public kv::ReplyRouter {
 public:
  kv::ReplySink& sink_for(size_t) override { return sink_; }

 private:
  kv::NullSink sink_;
};

/// The one answer to a GET or PEXPIRETIME.
class Answer final : public kv::ReplySink {
 public:
  std::optional<std::string> value;
  int64_t number = 0;
  void ok() override {}
  void status(std::string_view) override {}
  void error(std::string_view) override {}
  void integer(int64_t of) override { number = of; }
  void bulk(std::string_view of) override { value = std::string(of); }
  void nil() override {}
  void array(size_t) override {}
  void map(size_t) override {}
  void refusal(kv::Refusal) override {}
};

std::string image_prefix(uint64_t position) {
  std::string prefix;
  kv::put_image_key(prefix, position, "");
  return prefix;
}

}  // namespace

std::pair<Term, LogIndex> SalvageSource::freshness() const {
  if (log_.entries.empty()) return {};
  const consensus::Entry& last = log_.entries.rbegin()->second;
  return {last.term, last.index};
}

/// Nobody knows as of which entry the checkpoint is, nor what its sessions have done.
void SalvageSource::lose_base() {
  has_base_ = false;
  unreadable_ = {PositionRange{}};
  state_ = std::make_unique<kv::StateMachine>(kv::StateMachineOptions{});
  state_->restore_without_header();
}

Status SalvageSource::take_checkpoint(env::CheckpointStore* store) {
  if (store == nullptr) {
    lose_base();
    return {};
  }
  {
    const std::unique_ptr<env::CheckpointReader> reader = store->read();
    const std::string key = storage::checkpoint_meta_key(kGroup);
    reader->seek(key);
    if (reader->valid() && reader->key() == key) {
      const auto meta = storage::decode_checkpoint_meta(reader->value());
      if (!meta.ok() && meta.error().code == ErrorCode::kVersion) return meta.error();
      if (!meta.ok() || !state_->restore_header(meta->header, meta->index).ok()) {
        lose_base();
      } else {
        checkpoint_ = applied_ = meta->index;
      }
    } else if (!reader->status().ok()) {
      lose_base();
    }
  }
  take_images(*store);
  return {};
}

void SalvageSource::take_images(env::CheckpointStore& store) {
  const std::unique_ptr<env::CheckpointReader> reader = store.read();
  uint64_t next = 0;  // everything below was seen, or cannot be read
  reader->seek(image_prefix(0));
  while (true) {
    for (; reader->valid(); reader->next()) {
      const auto image = kv::parse_image(reader->key(), reader->value());
      if (!image.ok() || !state_->restore(reader->key(), reader->value()).ok()) {
        if (image.ok()) unreadable_.push_back({image->position, image->position});
        continue;
      }
      keys_.insert(std::string(image->key));
      next = image->position == UINT64_MAX ? UINT64_MAX : image->position + 1;
    }
    if (reader->status().ok()) return;
    const uint64_t found = first_readable_after(*reader, next);
    unreadable_.push_back({next, found == UINT64_MAX ? found : found - 1});
    if (found == UINT64_MAX) return;
    next = found;
    reader->seek(image_prefix(found));
  }
}

/// The end of the block, or of the file, in which `position` cannot be read: what lies in the same block of any file
/// below it is not read either, so that nothing that was overwritten comes back.
uint64_t SalvageSource::first_readable_after(env::CheckpointReader& reader, uint64_t position) const {
  const auto is_readable = [&](uint64_t at) {
    reader.seek(image_prefix(at));
    return reader.valid() || reader.status().ok();
  };
  uint64_t bad = position;
  uint64_t good = UINT64_MAX;
  for (uint64_t step = uint64_t{1} << 32; step < UINT64_MAX - bad; step *= 2) {
    if (is_readable(bad + step)) {
      good = bad + step;
      break;
    }
    bad += step;
    if (step > UINT64_MAX / 4) break;
  }
  if (good == UINT64_MAX && !is_readable(good)) return good;
  while (good - bad > 1) {
    const uint64_t middle = bad + (good - bad) / 2;
    (is_readable(middle) ? good : bad) = middle;
  }
  return good;
}

void SalvageSource::apply(const Entries& entries) {
  if (entries.empty()) return;
  if (!has_base_) applied_ = entries.begin()->first - 1;
  if (!has_base_ && applied_ == LogIndex(0)) {  // the log has it all, from the beginning
    has_base_ = true;
    state_ = std::make_unique<kv::StateMachine>(kv::StateMachineOptions{});
    keys_.clear();
    unreadable_.clear();
  }
  NoReplies nobody;
  for (auto entry = entries.upper_bound(applied_); entry != entries.end(); ++entry) {
    if (entry->first != applied_ + 1) missing_.emplace_back(applied_ + 1, entry->first - 1);
    if (entry->second.kind != consensus::EntryKind::kCommands) {
      state_->skip(entry->first);
    } else {
      note_keys(entry->second);
      const bool knows_sessions = missing_.empty() && has_base_;
      const Status applied = knows_sessions ? state_->apply(entry->first, entry->second.payload(), nobody)
                                            : state_->apply(entry->first, without_sessions(entry->second), nobody);
      if (!applied.ok()) missing_.emplace_back(entry->first, entry->first);
    }
    applied_ = entry->first;
  }
}

void SalvageSource::note_keys(const consensus::Entry& entry) {
  kv::BatchReader reader(entry.payload());
  kv::Operation operation;
  while (reader.next(operation)) {
    const kv::CommandTraits* traits = kv::traits_of(operation.id);
    if (traits == nullptr || traits->first_key == 0) continue;
    const int count = static_cast<int>(operation.args.size()) + 1;  // positions count the name as 0
    const int last = traits->last_key < 0 ? count + traits->last_key : traits->last_key;
    for (int at = traits->first_key; at <= last && at < count; at += std::max(1, traits->key_step)) {
      std::string key(operation.args[static_cast<size_t>(at - 1)]);
      if (!missing_.empty()) touched_after_gap_.insert(key);
      keys_.insert(std::move(key));
    }
  }
}

/// A session whose beginning is lost executes nothing any more: its commands are executed without it, each of them
/// once.
std::string SalvageSource::without_sessions(const consensus::Entry& entry) {
  kv::BatchReader reader(entry.payload());
  kv::BatchBuilder batch(0);
  kv::Operation operation;
  while (reader.next(operation)) {
    if (operation.id == kv::CommandId::kOpenSession) continue;
    const bool is_repeated =
        operation.call && !calls_after_gap_.emplace(operation.call->session, operation.call->sequence).second;
    const kv::CommandView command{operation.id, operation.args};
    if (!is_repeated && kv::is_within_limits(command)) batch.add(command);
  }
  return batch.take(reader.stamp());
}

bool SalvageSource::can_read(uint64_t position) const {
  return std::ranges::none_of(
      unreadable_, [&](const PositionRange& range) { return range.first <= position && position <= range.last; });
}

std::optional<SalvagedValue> SalvageSource::value_of(const std::string& key) const {
  const std::vector<std::string_view> args = {key};
  Answer value;
  Answer deadline;
  if (state_->read({kv::CommandId::kGet, args}, WallMs{0}, value) != kv::ReadResult::kAnswered) return std::nullopt;
  if (state_->read({kv::CommandId::kPExpireTime, args}, WallMs{0}, deadline) != kv::ReadResult::kAnswered) {
    return std::nullopt;
  }
  if (!value.value) return std::nullopt;
  const bool is_uncertain = !can_read(kv::position_of(key)) || touched_after_gap_.contains(key);
  return SalvagedValue{*std::move(value.value), deadline.number, is_uncertain};
}

}  // namespace torc::server
