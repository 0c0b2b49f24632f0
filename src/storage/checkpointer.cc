#include "storage/checkpointer.h"

#include <string>
#include <utility>

#include "base/check.h"

namespace torc::storage {
namespace {

/// Hands images on to the generation being written.
class GenerationSink : public kv::ImageSink {
 public:
  explicit GenerationSink(env::CheckpointWriter& writer) : writer_(writer) {}
  void put(std::string_view key, std::string_view value) override { writer_.put(key, value); }
  void erase(std::string_view key) override { writer_.erase(key); }
  void erase_range(std::string_view begin, std::string_view end) override { writer_.erase_range(begin, end); }

 private:
  env::CheckpointWriter& writer_;
};

}  // namespace

Checkpointer::Checkpointer(env::CheckpointStore& store, GroupId group, kv::StateMachine& state,
                           std::function<void(const Outcome&)> on_outcome)
    : store_(store), state_(state), group_(group), on_outcome_(std::move(on_outcome)) {}

Checkpointer::~Checkpointer() {
  if (is_running()) state_.end_capture(false);
}

void Checkpointer::start(Term term, const consensus::Configuration& configuration) {
  CHECK(!is_running());
  index_ = state_.applied();
  term_ = term;
  state_.begin_capture();
  writer_ = store_.begin();
  const CheckpointMeta meta{group_, state_.arc(), index_, term, configuration, state_.captured_header()};
  writer_->put(checkpoint_meta_key(group_), encode_checkpoint_meta(meta));
}

bool Checkpointer::step(size_t bytes_max) {
  if (!is_running() || is_committing_) return false;
  if (writer_->bytes_pending() >= kBytesPendingMax) return true;
  GenerationSink sink(*writer_);
  if (!state_.continue_capture(sink, bytes_max)) return true;
  is_committing_ = true;
  writer_->commit(lifetime_.bind([this](Status status) { on_committed(std::move(status)); }));
  return false;
}

void Checkpointer::on_committed(Status status) {
  state_.end_capture(status.ok());
  writer_.reset();
  is_committing_ = false;
  on_outcome_(Outcome{std::move(status), index_, term_});
}

Result<std::optional<CheckpointMeta>> load_checkpoint(env::CheckpointStore& store, GroupId group) {
  const std::unique_ptr<env::CheckpointReader> reader = store.read();
  const std::string key = checkpoint_meta_key(group);
  reader->seek(key);
  if (!reader->valid() || reader->key() != key) {
    const Status status = reader->status();
    if (!status.ok()) return status.error();
    return std::optional<CheckpointMeta>();
  }
  auto meta = decode_checkpoint_meta(reader->value());
  if (!meta.ok()) return meta.error();
  if (meta->group != group) return Error{ErrorCode::kCorrupt, "checkpoint record of another group"};
  return std::optional<CheckpointMeta>(std::move(meta).value());
}

Status restore_checkpoint(env::CheckpointStore& store, const CheckpointMeta& meta, kv::StateMachine& state) {
  if (meta.arc != state.arc()) {
    return Error{ErrorCode::kInvalid,
                 "the checkpoint holds " + meta.arc.text() + ", this replica " + state.arc().text()};
  }
  if (Status status = state.restore_header(meta.header, meta.index); !status.ok()) return status;
  const kv::ImageRange own = kv::images_of(meta.arc);
  const std::unique_ptr<env::CheckpointReader> reader = store.read();
  for (reader->seek(own.begin); reader->valid() && reader->key() < own.end; reader->next()) {
    if (Status status = state.restore(reader->key(), reader->value()); !status.ok()) return status;
  }
  return reader->status();
}

}  // namespace torc::storage
