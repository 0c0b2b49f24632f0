#include "sim/checkpoint_store.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"

namespace torc::sim {

struct CheckpointStore::Change {
  enum class Kind { kPut, kErase, kEraseRange } kind;
  Bytes key;    // or begin of the range
  Bytes value;  // or end of the range
};

struct CheckpointStore::Generation {
  std::vector<Change> changes;
  size_t bytes = 0;
};

class MemoryCheckpointWriter : public env::CheckpointWriter {
 public:
  MemoryCheckpointWriter(CheckpointStore& store, std::shared_ptr<char> token)
      : store_(store), life_(store.life_), token_(std::move(token)) {}

  void put(std::string_view key, std::string_view value) override {
    note_key(key);
    add(CheckpointStore::Change::Kind::kPut, key, value);
  }
  void erase(std::string_view key) override {
    note_key(key);
    add(CheckpointStore::Change::Kind::kErase, key, {});
  }
  void erase_range(std::string_view begin, std::string_view end) override {
    CHECK(begin < end) << "an empty range";
    CHECK(!last_key_ || *last_key_ < begin) << "a key at or after the range's begin came before the range";
    add(CheckpointStore::Change::Kind::kEraseRange, begin, end);
  }
  size_t bytes_pending() const override { return 0; }
  void stage(std::function<void(Status)> done) override {
    CHECK(!is_closed_) << "staged twice";
    is_closed_ = true;
    if (life_ == store_.life_) store_.submit(generation_, false, std::move(done));
  }
  void commit(std::function<void(Status)> done) override {
    is_closed_ = true;
    if (life_ == store_.life_) store_.submit(generation_, true, std::move(done));
  }

 private:
  void note_key(std::string_view key) {
    CHECK(!last_key_ || *last_key_ < key) << "keys must ascend";
    last_key_ = std::string(key);
  }
  void add(CheckpointStore::Change::Kind kind, std::string_view key, std::string_view value) {
    CHECK(!is_closed_) << "written after stage or commit";
    generation_->changes.push_back({kind, Bytes::copy_of(key), Bytes::copy_of(value)});
    generation_->bytes += key.size() + value.size();
    if (store_.meter_ != nullptr) store_.meter_->work(Work::kCheckpointKey, 1, key.size() + value.size());
  }

  CheckpointStore& store_;
  const uint64_t life_;
  std::shared_ptr<char> token_;
  std::shared_ptr<CheckpointStore::Generation> generation_ = std::make_shared<CheckpointStore::Generation>();
  std::optional<std::string> last_key_;
  bool is_closed_ = false;
};

namespace {

template <typename Contents>
class MemoryCheckpointReader : public env::CheckpointReader {
 public:
  MemoryCheckpointReader(std::shared_ptr<const Contents> contents, std::optional<std::string> damaged_key,
                         WorkMeter* meter)
      : contents_(std::move(contents)), damaged_key_(std::move(damaged_key)), meter_(meter), at_(contents_->end()) {}
  void seek(std::string_view key) override {
    at_ = contents_->lower_bound(key);
    note_read();
  }
  bool valid() const override { return at_ != contents_->end() && !is_damaged(); }
  std::string_view key() const override {
    CHECK(valid());
    return at_->first.view();
  }
  std::string_view value() const override {
    CHECK(valid());
    return at_->second.view();
  }
  void next() override {
    CHECK(valid());
    ++at_;
    note_read();
  }
  Status status() const override {
    if (is_damaged()) return Error{ErrorCode::kCorrupt, "a block of the checkpoint store has a wrong checksum"};
    return {};
  }

 private:
  void note_read() const {
    if (meter_ == nullptr || at_ == contents_->end()) return;
    meter_->work(Work::kCheckpointKey, 1, at_->first.size() + at_->second.size());
  }
  bool is_damaged() const { return at_ != contents_->end() && damaged_key_ && at_->first.view() == *damaged_key_; }

  std::shared_ptr<const Contents> contents_;
  std::optional<std::string> damaged_key_;
  WorkMeter* meter_;
  typename Contents::const_iterator at_;
};

}  // namespace

CheckpointStore::CheckpointStore(uint64_t seed, Scheduler scheduler, WorkMeter* meter)
    : prng_(seed), scheduler_(std::move(scheduler)), meter_(meter) {}
CheckpointStore::~CheckpointStore() = default;

std::unique_ptr<env::CheckpointWriter> CheckpointStore::begin() {
  CHECK(!writer_token_ || writer_token_.use_count() == 1) << "two writers at a time";
  CHECK(!committing_) << "a commit is under way";
  writer_token_ = std::make_shared<char>();
  return std::make_unique<MemoryCheckpointWriter>(*this, writer_token_);
}

std::unique_ptr<env::CheckpointReader> CheckpointStore::read() {
  return std::make_unique<MemoryCheckpointReader<Contents>>(contents_, damaged_key_, meter_);
}

std::string CheckpointStore::damage(Prng& prng) {
  if (contents_->empty()) return "";
  auto hit = contents_->begin();
  std::advance(hit, prng.below(contents_->size()));
  damaged_key_ = hit->first.view();
  return "the block of one of " + std::to_string(contents_->size()) + " keys of the checkpoint store goes bad";
}

void CheckpointStore::submit(std::shared_ptr<Generation> generation, bool is_commit, std::function<void(Status)> done) {
  CHECK(!committing_) << "two commits at a time";
  committing_ = std::move(generation);
  is_staging_ = !is_commit;
  committing_done_ = std::move(done);
  if (!scheduler_) return;
  const Duration delay = 1ms + Duration(prng_.below(static_cast<uint64_t>(Duration(20ms).count())));
  scheduler_(delay, lifetime_.bind([this, life = life_] {
    if (life == life_) run_all();
  }));
}

bool CheckpointStore::run_all() {
  if (!committing_) return false;
  const std::shared_ptr<Generation> generation = std::exchange(committing_, nullptr);
  const std::function<void(Status)> done = std::exchange(committing_done_, nullptr);
  if (const auto code = std::exchange(next_commit_error_, std::nullopt)) {
    done(Error{*code, "injected commit failure"});
    return true;
  }
  if (is_full_) {
    done(Error{ErrorCode::kDiskFull, "no space left for a checkpoint"});
    return true;
  }
  if (!is_staging_) install(*generation);
  done({});
  return true;
}

void CheckpointStore::install(const Generation& generation) {
  auto next = std::make_shared<Contents>(*contents_);
  for (const Change& change : generation.changes) {
    if (damaged_key_ == change.key.view() && change.kind != Change::Kind::kEraseRange)
      damaged_key_.reset();  // written anew
    switch (change.kind) {
      case Change::Kind::kPut:
        next->insert_or_assign(change.key, change.value);
        break;
      case Change::Kind::kErase:
        if (const auto found = next->find(change.key); found != next->end()) next->erase(found);
        break;
      case Change::Kind::kEraseRange:
        next->erase(next->lower_bound(change.key), next->lower_bound(change.value));
        break;
    }
  }
  contents_ = std::move(next);
}

void CheckpointStore::crash(Prng& prng) {
  if (committing_ && !is_staging_ && prng.chance(1, 2) && !is_full_) install(*committing_);
  committing_.reset();
  committing_done_ = nullptr;
  writer_token_.reset();
  next_commit_error_.reset();
  ++life_;
}

}  // namespace torc::sim
