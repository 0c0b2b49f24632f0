#include "storage/entry_reader.h"

#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/crc32c.h"

namespace torc::storage {
namespace {

/// One read of several neighbouring entries.
constexpr uint64_t kReadSpanBytes = 1u << 20;

Result<consensus::Entry> parse(const RecordSeal& seal, const Bytes& record, const EntryPlace& place, LogIndex index) {
  const Error damaged{ErrorCode::kCorrupt, "damaged entry " + std::to_string(index.value)};
  if (record.size() != record_bytes(place.encoded_bytes)) return damaged;
  const auto header = seal.parse_header(record.view().data());
  const bool is_entry = header && (header->kind == RecordKind::kEntry || header->kind == RecordKind::kCopy);
  if (!is_entry || header->payload_bytes != place.encoded_bytes) return damaged;
  Bytes encoded = record.slice(kRecordHeaderBytes, place.encoded_bytes);
  if (crc32c(encoded.view()) != header->payload_crc) return damaged;
  auto entry = consensus::take_entry(encoded);
  if (!entry.ok() || entry->index != index) return damaged;
  return entry;
}

/// Appends neighbouring entries from `index` on that one read of the file yields; none if `index` is unknown.
Status read_span(const LogGroup& group, const SegmentSet& segments, uint64_t salt, LogIndex index, LogIndex last,
                 size_t bytes_max, std::vector<consensus::Entry>& entries) {
  const auto first = group.index.find(index);
  if (!first) return {};
  const Segment& segment = segments.holding(first->record);
  std::vector<EntryPlace> places;
  uint64_t bytes = 0;
  for (LogIndex at = index; at <= last && (places.empty() || bytes < bytes_max); ++at) {
    const auto place = group.index.find(at);
    const bool is_durable = place && (group.unsynced.empty() || at < group.unsynced.front().entry.index);
    if (!is_durable || &segments.holding(place->record) != &segment) break;
    if (!places.empty() && place->record - first->record > kReadSpanBytes) break;
    bytes += place->encoded_bytes;
    places.push_back(*place);
  }
  const uint64_t span = places.back().record - first->record + record_bytes(places.back().encoded_bytes);
  auto read = segment.file->read(first->record - segment.base, span);
  if (!read.ok()) return read.error();
  const Bytes buffer(std::move(read).value());
  const RecordSeal seal(segment.sequence, salt);
  for (const EntryPlace& place : places) {
    const Bytes record = buffer.slice(place.record - first->record, record_bytes(place.encoded_bytes));
    auto entry = parse(seal, record, place, index);
    if (!entry.ok()) {
      return Error{entry.error().code, segment.name + ": offset " + std::to_string(place.record - segment.base) + ": " +
                                           entry.error().message};
    }
    entries.push_back(std::move(entry).value());
    ++index;
  }
  return {};
}

}  // namespace

Result<std::vector<consensus::Entry>> read_entries(const LogGroup& group, const SegmentSet& segments, uint64_t salt,
                                                   LogIndex first, LogIndex last, size_t bytes_max) {
  std::vector<consensus::Entry> entries;
  if (first <= group.appended.start_index) {
    return Error{ErrorCode::kNotFound, "entry " + std::to_string(first.value) + " was cut"};
  }
  size_t bytes = 0;
  for (LogIndex index = first; index <= last && (bytes < bytes_max || entries.empty());) {
    const size_t count_before = entries.size();
    if (!group.unsynced.empty() && index >= group.unsynced.front().entry.index) {
      const size_t at = index - group.unsynced.front().entry.index;
      if (at < group.unsynced.size()) entries.push_back(group.unsynced[at].entry);
    } else if (Status status = read_span(group, segments, salt, index, last, bytes_max - bytes, entries);
               !status.ok()) {
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

}  // namespace torc::storage
