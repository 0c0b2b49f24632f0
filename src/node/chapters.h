// Which chapters of which lives this node knows of: how an old copy of a data directory is told from the directory
// (docs/decisions/0007).
//
// A copy, a restored backup or snapshot of a machine, is silent amnesia: valid, and without what was acknowledged
// since. So each start of a node begins a new chapter of its life, written down before the node says anything, and so
// does every while in which it appended to its log. Its peers write the latest chapter down before they take a frame of
// the start that began it. Whoever comes without a chapter that is written down here is a copy of before.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/lifetime.h"
#include "base/result.h"
#include "env/disk.h"
#include "wire/introduction.h"

namespace torc::node {

/// What the file "chapters" holds.
struct ChapterBook {
  uint64_t revision = 0;         // of the file, from 1
  uint64_t own = 0;              // the number of this node's latest chapter
  std::vector<uint64_t> nonces;  // of its latest chapters, the last one's last; at most wire::kChapterNoncesMax
  std::vector<wire::NotedChapter> noted;  // of other lives, at most wire::kNotedChaptersMax, latest news last

  friend bool operator==(const ChapterBook&, const ChapterBook&) = default;
};

/// The file has two slots, written in turn: what a torn write spoils was never relied on. It has its full size from the
/// beginning, so that a full disk keeps no node from starting. Layout of a slot: "TORCCHA1", u32 CRC-32C of the rest,
/// u32 bytes of it; u64 revision, u64 own, varint count and u64 per nonce, varint count and per life u64 node, u64
/// incarnation, u64 chapter, u64 nonce.
constexpr size_t kChapterSlotBytes = 8192;
std::string encode_slot(const ChapterBook& book);
/// The later valid one of the two slots. Errors: kCorrupt if there is none.
Result<ChapterBook> decode_slots(std::string_view file);

class Chapters {
 public:
  /// A directory without the file has no chapters yet. Blocking. Errors: kCorrupt, kIo, kDiskFull (a new directory).
  static Result<std::unique_ptr<Chapters>> open(env::Disk& disk);
  /// Who is told that a write has failed for good. Requires: before anything is written.
  void set_on_fatal(std::function<void(const Error&)> on_fatal) { on_fatal_ = std::move(on_fatal); }

  /// The next chapter of this node; `nonce` is random. It counts once it is durable.
  void begin(uint64_t nonce);
  /// The number of the latest one, durable or not.
  uint64_t own() const { return wanted_.own; }
  /// The latest one, and what else is durable.
  const ChapterBook& durable() const { return durable_; }
  /// Everything said so far is durable.
  bool is_settled() const { return !is_writing_ && durable_.revision == wanted_.revision; }

  /// Whether this node has been through that chapter, as far as it can tell.
  bool is_own(const wire::Chapter& chapter) const;

  enum class Verdict : uint8_t {
    kNoted,    // durably, so frames may be taken
    kWriting,  // look again in a moment
    kOldCopy,  // it lacks a chapter that is written down here
  };
  /// What to make of a life that says its latest chapters are these. Writes down what is new.
  Verdict note(const wire::Introduction& introduction);
  /// Writes down what a peer has written down, its own latest chapter included.
  void note(const std::vector<wire::NotedChapter>& told);
  /// None (number 0) if nothing is written down, durably or not.
  wire::Chapter noted(LifeId life) const;
  /// Tries again what a full disk has refused. Call it about once a second.
  void retry();

 private:
  Chapters() = default;
  wire::NotedChapter* find(LifeId life);
  void put(LifeId life, wire::Chapter chapter);
  void write();

  std::function<void(const Error&)> on_fatal_;
  std::unique_ptr<env::File> file_;
  ChapterBook durable_;
  ChapterBook wanted_;
  bool is_writing_ = false;
  Lifetime lifetime_;
};

}  // namespace torc::node
