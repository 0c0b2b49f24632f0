#include "storage/salvage_log.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "base/crc32c.h"
#include "storage/record_format.h"
#include "storage/segment_header.h"

namespace torc::storage {
namespace {

constexpr uint64_t kSalvagedBytes = 1u << 20;
constexpr uint64_t kBlockBytes = 4096;  // what a device fails to read in one piece, at most
/// A segment whose header is lost is one of those near the others.
constexpr uint64_t kSequencesAround = 16;

class Salvage {
 public:
  Salvage(env::Disk& disk, GroupId group) : disk_(disk), group_(group) {}

  Result<SalvagedLog> run() {
    const auto names = disk_.list();
    if (!names.ok()) return names.error();
    std::map<uint64_t, std::string> segments;  // by sequence
    std::vector<std::string> headless;
    for (const std::string& name : *names) {
      if (!name.starts_with("log-")) continue;
      const std::string block = read(name, kSegmentHeaderBytes);
      const auto header = decode_segment_header(block);
      if (header.ok()) {
        salt_ = header->salt;
        segments[header->sequence] = name;
      } else if (header.error().code == ErrorCode::kVersion) {
        return header.error();
      } else {
        headless.push_back(name);  // also a file that was only prepared
      }
    }
    for (const std::string& name : headless) {
      if (const auto sequence = guess_sequence(name, segments)) {
        segments[*sequence] = name;
        trouble(name, "its header is damaged");
      }
    }
    for (const auto& [sequence, name] : segments) {
      if (Status status = take_segment(name, sequence); !status.ok()) return status.error();
    }
    return std::move(log_);
  }

 private:
  void trouble(const std::string& name, const std::string& what) { log_.troubles.push_back(name + ": " + what); }

  /// The file's first bytes; what the device does not give is zeros.
  std::string read(const std::string& name, uint64_t bytes_max) {
    auto file = disk_.open(name);
    const Result<uint64_t> size = file.ok() ? (*file)->size() : Result<uint64_t>(file.error());
    if (!size.ok()) {
      trouble(name, size.error().message);
      return "";
    }
    const uint64_t end = std::min(*size, bytes_max);
    std::string bytes;
    while (bytes.size() < end) {
      uint64_t wanted = std::min(kSalvagedBytes, end - bytes.size());
      Result<std::string> piece = (*file)->read(bytes.size(), wanted);
      if (!piece.ok()) {
        wanted = std::min(kBlockBytes, wanted);
        piece = (*file)->read(bytes.size(), wanted);
      }
      if (piece.ok() && piece->empty()) break;
      bytes += piece.ok() ? *piece : std::string(wanted, '\0');
    }
    return bytes;
  }

  std::optional<uint64_t> guess_sequence(const std::string& name, const std::map<uint64_t, std::string>& known) {
    if (known.empty()) return std::nullopt;
    const std::string bytes = read(name, UINT64_MAX);
    const uint64_t first = known.begin()->first;
    const uint64_t end = known.rbegin()->first + kSequencesAround;
    for (uint64_t sequence = first > kSequencesAround ? first - kSequencesAround : 1; sequence < end; ++sequence) {
      const RecordSeal seal(sequence, salt_);
      if (!known.contains(sequence) && find_record(seal, bytes, kSegmentHeaderBytes)) return sequence;
    }
    return std::nullopt;
  }

  struct Found {
    RecordHeader header;
    uint64_t at = 0;
  };
  /// The first whole and valid record from `at` on.
  static std::optional<Found> find_record(const RecordSeal& seal, std::string_view bytes, uint64_t at) {
    for (; at + kRecordHeaderBytes <= bytes.size(); at += kRecordAlignment) {
      const auto header = seal.parse_header(bytes.data() + at);
      if (!header) continue;
      if (!header->readable.ok()) return Found{*header, at};
      const uint64_t whole = record_bytes(header->payload_bytes);
      if (whole > bytes.size() - at) continue;
      if (crc32c(bytes.substr(at + kRecordHeaderBytes, header->payload_bytes)) == header->payload_crc) {
        return Found{*header, at};
      }
    }
    return std::nullopt;
  }

  Status take_segment(const std::string& name, uint64_t sequence) {
    const std::string bytes = read(name, UINT64_MAX);
    const RecordSeal seal(sequence, salt_);
    uint64_t at = kSegmentHeaderBytes;
    uint64_t unreadable = 0;
    while (const auto found = find_record(seal, bytes, at)) {
      if (!found->header.readable.ok()) return found->header.readable;
      unreadable += found->at - at;
      const std::string_view payload =
          std::string_view(bytes).substr(found->at + kRecordHeaderBytes, found->header.payload_bytes);
      take_record(name, found->header, payload);
      at = found->at + record_bytes(found->header.payload_bytes);
    }
    if (unreadable > 0) trouble(name, std::to_string(unreadable) + " bytes between records cannot be read");
    log_.bytes_unreadable += unreadable;
    return {};
  }

  void take_record(const std::string& name, const RecordHeader& header, std::string_view payload) {
    if (header.group != group_) return;
    if (header.kind == RecordKind::kReset || header.kind == RecordKind::kGone) log_.entries.clear();
    if (header.kind != RecordKind::kEntry && header.kind != RecordKind::kCopy) return;
    Bytes encoded = Bytes::copy_of(payload);
    auto entry = consensus::take_entry(encoded);
    if (!entry.ok()) return trouble(name, entry.error().message);
    if (header.kind == RecordKind::kCopy) {  // it says nothing about what stands behind it
      log_.entries.insert_or_assign(entry->index, *std::move(entry));
      return;
    }
    log_.entries.erase(log_.entries.lower_bound(entry->index), log_.entries.end());
    log_.entries.emplace(entry->index, *std::move(entry));
  }

  env::Disk& disk_;
  const GroupId group_;
  uint64_t salt_ = 0;
  SalvagedLog log_;
};

}  // namespace

Result<SalvagedLog> salvage_log(env::Disk& disk, GroupId group) { return Salvage(disk, group).run(); }

}  // namespace torc::storage
