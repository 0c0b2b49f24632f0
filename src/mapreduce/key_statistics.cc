#include "mapreduce/key_statistics.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "base/codec.h"
#include "mapreduce/drive.h"
#include "mapreduce/fields.h"

namespace torc::mapreduce {
namespace {

constexpr std::string_view kOthers = "(others)";
constexpr std::string_view kWithoutColon = "(no colon)";
constexpr const char* kDeadlineNames[] = {"without a deadline", "expire within a minute", "expire within an hour",
                                          "expire within a day", "expire later"};

size_t deadline_class(int64_t deadline_ms, uint64_t now_ms) {
  if (deadline_ms == 0) return 0;
  const uint64_t left_ms = static_cast<uint64_t>(deadline_ms) - std::min(static_cast<uint64_t>(deadline_ms), now_ms);
  if (left_ms <= 60'000) return 1;
  if (left_ms <= 3'600'000) return 2;
  return left_ms <= 86'400'000 ? 3 : 4;
}

class StatisticsMapper final : public Mapper {
 public:
  void map(const Record& record, Emitter&) override {
    if (record.input != "torc:") throw std::invalid_argument("keystats reads keys: --inputs torc:");
    statistics_.add(StoredKey{std::string(record.key), std::string(record.text), record.deadline_ms}, now_ms_);
  }
  void finish(Emitter& out) override { out.emit_bytes("keys", statistics_.encode()); }

 private:
  const uint64_t now_ms_ = unix_ms();
  KeyStatistics statistics_;
};

}  // namespace

uint64_t digest_of(const StoredKey& key) {
  std::string all;
  put_bytes(all, key.key);
  put_bytes(all, key.value);
  put_i64(all, key.deadline_ms);
  return XXH3_64bits(all.data(), all.size());
}

KeyStatistics::Share& KeyStatistics::share_of(std::string_view prefix) {
  if (const auto found = prefixes_.find(prefix); found != prefixes_.end()) return found->second;
  return prefixes_[std::string(prefixes_.size() < kPrefixesMax ? prefix : kOthers)];
}

void KeyStatistics::add(const StoredKey& key, uint64_t now_ms) {
  ++keys_;
  key_bytes_ += key.key.size();
  value_bytes_ += key.value.size();
  digest_ += digest_of(key);
  if (largest_.empty() || key.value.size() > largest_bytes_) {
    largest_bytes_ = key.value.size();
    largest_ = key.key;
  }
  ++sizes_[std::min<size_t>(std::bit_width(key.value.size()), kSizes - 1)];
  ++deadlines_[deadline_class(key.deadline_ms, now_ms)];
  const size_t colon = key.key.find(':');
  Share& share = share_of(colon == std::string::npos ? kWithoutColon : std::string_view(key.key).substr(0, colon + 1));
  ++share.keys;
  share.bytes += key.key.size() + key.value.size();
}

void KeyStatistics::add(const KeyStatistics& other) {
  keys_ += other.keys_;
  key_bytes_ += other.key_bytes_;
  value_bytes_ += other.value_bytes_;
  digest_ += other.digest_;
  if (other.keys_ > 0 && (largest_.empty() || other.largest_bytes_ > largest_bytes_)) {
    largest_bytes_ = other.largest_bytes_;
    largest_ = other.largest_;
  }
  for (size_t i = 0; i < kSizes; ++i) sizes_[i] += other.sizes_[i];
  for (size_t i = 0; i < deadlines_.size(); ++i) deadlines_[i] += other.deadlines_[i];
  for (const auto& [prefix, theirs] : other.prefixes_) {
    Share& share = share_of(prefix);
    share.keys += theirs.keys;
    share.bytes += theirs.bytes;
  }
}

std::string KeyStatistics::encode() const {
  std::string out;
  for (const uint64_t number : {keys_, key_bytes_, value_bytes_, digest_, largest_bytes_}) put_u64(out, number);
  put_bytes(out, largest_);
  for (const uint64_t count : sizes_) put_varint(out, count);
  for (const uint64_t count : deadlines_) put_varint(out, count);
  put_varint(out, prefixes_.size());
  for (const auto& [prefix, share] : prefixes_) {
    put_bytes(out, prefix);
    put_varint(out, share.keys);
    put_varint(out, share.bytes);
  }
  return out;
}

Result<KeyStatistics> KeyStatistics::parse(std::string_view bytes) {
  Reader reader(bytes);
  KeyStatistics statistics;
  for (uint64_t* number : {&statistics.keys_, &statistics.key_bytes_, &statistics.value_bytes_, &statistics.digest_,
                           &statistics.largest_bytes_}) {
    *number = reader.u64();
  }
  statistics.largest_ = reader.bytes();
  for (uint64_t& count : statistics.sizes_) count = reader.varint();
  for (uint64_t& count : statistics.deadlines_) count = reader.varint();
  for (uint64_t left = reader.varint(); left > 0 && reader.ok(); --left) {
    Share& share = statistics.prefixes_[std::string(reader.bytes())];
    share.keys = reader.varint();
    share.bytes = reader.varint();
  }
  if (!reader.at_end()) return Error{ErrorCode::kCorrupt, "key statistics: malformed"};
  return statistics;
}

void KeyStatistics::report(Emitter& out) const {
  out.emit("keys", keys_);
  out.emit("digest", to_hex(digest_, 16));
  out.emit("bytes of keys", key_bytes_);
  out.emit("bytes of values", value_bytes_);
  if (keys_ > 0) out.emit("largest value", std::to_string(largest_bytes_) + " bytes, of " + largest_);
  for (size_t i = 0; i < kSizes; ++i) {
    if (sizes_[i] == 0) continue;
    const std::string range =
        i == 0 ? "0" : std::to_string(uint64_t{1} << (i - 1)) + " to " + std::to_string((uint64_t{1} << i) - 1);
    out.emit("values of " + range + " bytes", sizes_[i]);
  }
  for (size_t i = 0; i < deadlines_.size(); ++i) {
    if (deadlines_[i] > 0) out.emit(kDeadlineNames[i], deadlines_[i]);
  }
  std::vector<std::pair<std::string, Share>> largest(prefixes_.begin(), prefixes_.end());
  std::stable_sort(largest.begin(), largest.end(),
                   [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
  if (largest.size() > kPrefixesShown) largest.resize(kPrefixesShown);
  for (const auto& [prefix, share] : largest) {
    out.emit("prefix " + prefix, std::to_string(share.keys) + " keys, " + std::to_string(share.bytes) + " bytes");
  }
}

Functions key_statistics_functions() {
  Functions functions;
  functions.make_mapper = [](const AttemptScope&) { return std::make_unique<StatisticsMapper>(); };
  functions.reduce = [](std::string_view, Values& values, Emitter& out) {
    KeyStatistics all;
    while (const std::optional<std::string_view> bytes = values.next_bytes()) {
      const Result<KeyStatistics> part = KeyStatistics::parse(*bytes);
      if (!part) throw std::invalid_argument(part.error().message);
      all.add(*part);
    }
    all.report(out);
  };
  return functions;
}

}  // namespace torc::mapreduce
