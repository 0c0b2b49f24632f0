#include "node/chapters.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/codec.h"
#include "base/crc32c.h"

namespace torc::node {
namespace {

constexpr const char* kChaptersFile = "chapters";
constexpr std::string_view kChaptersMagic = "TORCCHA1";
constexpr size_t kSlots = 2;
constexpr size_t kHeadBytes = kChaptersMagic.size() + 4 + 4;
constexpr size_t kBodyBytesMax = 8 + 8 + 10 + 8 * wire::kChapterNoncesMax + 10 + 32 * wire::kNotedChaptersMax;
static_assert(kHeadBytes + kBodyBytesMax <= kChapterSlotBytes);

std::optional<ChapterBook> decode_slot(std::string_view slot) {
  Reader head(slot);
  if (head.take(kChaptersMagic.size()) != kChaptersMagic) return std::nullopt;
  const uint32_t crc = head.u32();
  const uint32_t bytes = head.u32();
  const std::string_view body = head.take(bytes);
  if (!head.ok() || crc32c(body) != crc) return std::nullopt;
  Reader reader(body);
  ChapterBook book;
  book.revision = reader.u64();
  book.own = reader.u64();
  const uint64_t nonces = reader.varint();
  if (nonces > wire::kChapterNoncesMax || nonces > book.own) return std::nullopt;
  for (uint64_t i = 0; i < nonces; ++i) book.nonces.push_back(reader.u64());
  const uint64_t noted = reader.varint();
  if (!reader.ok() || noted > wire::kNotedChaptersMax) return std::nullopt;
  for (uint64_t i = 0; i < noted; ++i) {
    const NodeId node(reader.u64());
    const Incarnation incarnation(reader.u64());
    const uint64_t number = reader.u64();
    book.noted.push_back({{node, incarnation}, {number, reader.u64()}});
  }
  if (!reader.at_end()) return std::nullopt;
  return book;
}

/// The nonce of chapter `number`, if it is among those told; they end with chapter `last`.
std::optional<uint64_t> nonce_of(uint64_t number, uint64_t last, const std::vector<uint64_t>& nonces) {
  if (number > last || last - number >= nonces.size()) return std::nullopt;
  return nonces[nonces.size() - 1 - (last - number)];
}

}  // namespace

std::string encode_slot(const ChapterBook& book) {
  CHECK(book.nonces.size() <= wire::kChapterNoncesMax && book.noted.size() <= wire::kNotedChaptersMax);
  std::string body;
  put_u64(body, book.revision);
  put_u64(body, book.own);
  put_varint(body, book.nonces.size());
  for (const uint64_t nonce : book.nonces) put_u64(body, nonce);
  put_varint(body, book.noted.size());
  for (const wire::NotedChapter& one : book.noted) {
    put_u64(body, one.life.node.value);
    put_u64(body, one.life.incarnation.value);
    put_u64(body, one.chapter.number);
    put_u64(body, one.chapter.nonce);
  }
  std::string slot(kChaptersMagic);
  put_u32(slot, crc32c(body));
  put_u32(slot, static_cast<uint32_t>(body.size()));
  slot += body;
  slot.resize(kChapterSlotBytes, '\0');
  return slot;
}

Result<ChapterBook> decode_slots(std::string_view file) {
  std::optional<ChapterBook> latest;
  for (size_t slot = 0; slot < kSlots && file.size() >= (slot + 1) * kChapterSlotBytes; ++slot) {
    auto book = decode_slot(file.substr(slot * kChapterSlotBytes, kChapterSlotBytes));
    if (book && (!latest || book->revision > latest->revision)) latest = std::move(book);
  }
  if (latest) return *std::move(latest);
  return Error{ErrorCode::kCorrupt, "the file 'chapters' of the data directory is damaged"};
}

Result<std::unique_ptr<Chapters>> Chapters::open(env::Disk& disk) {
  std::unique_ptr<Chapters> chapters(new Chapters());
  Result<std::string> file = disk.read_all(kChaptersFile);
  if (!file.ok() && file.error().code == ErrorCode::kNotFound) {
    ChapterBook empty;
    empty.revision = 1;
    // Slots take turns: an even revision stands in the first, an odd one in the second.
    const std::string both = std::string(kChapterSlotBytes, '\0') + encode_slot(empty);
    const Status made = disk.replace(kChaptersFile, both);
    if (!made.ok()) return made.error();
    file = both;
  }
  if (!file.ok()) return file.error();
  Result<ChapterBook> book = decode_slots(*file);
  if (!book.ok()) return book.error();
  chapters->durable_ = chapters->wanted_ = *std::move(book);
  auto opened = disk.open(kChaptersFile);
  if (!opened.ok()) return opened.error();
  chapters->file_ = *std::move(opened);
  return chapters;
}

bool Chapters::is_own(const wire::Chapter& chapter) const {
  if (chapter.number > wanted_.own) return false;
  const auto nonce = nonce_of(chapter.number, wanted_.own, wanted_.nonces);
  return !nonce || *nonce == chapter.nonce;
}

void Chapters::begin(uint64_t nonce) {
  ++wanted_.own;
  wanted_.nonces.push_back(nonce);
  if (wanted_.nonces.size() > wire::kChapterNoncesMax) wanted_.nonces.erase(wanted_.nonces.begin());
  ++wanted_.revision;
  write();
}

void Chapters::write() {
  if (is_writing_ || durable_.revision == wanted_.revision) return;
  is_writing_ = true;
  // Never over the slot that is durable, however many revisions came since: a torn write would leave none.
  if (wanted_.revision % kSlots == durable_.revision % kSlots) ++wanted_.revision;
  const uint64_t offset = wanted_.revision % kSlots * kChapterSlotBytes;
  const auto done = [this, written = wanted_](const Status& status) {
    is_writing_ = false;
    if (status.ok()) {
      durable_ = written;
      return write();  // what came meanwhile
    }
    if (status.error().code != ErrorCode::kDiskFull) on_fatal_(status.error());
  };
  file_->write(offset, {Bytes(encode_slot(wanted_))}, true, lifetime_.bind(done));
}

void Chapters::retry() { write(); }

wire::NotedChapter* Chapters::find(LifeId life) {
  const auto found = std::ranges::find(wanted_.noted, life, &wire::NotedChapter::life);
  return found == wanted_.noted.end() ? nullptr : &*found;
}

wire::Chapter Chapters::noted(LifeId life) const {
  const auto found = std::ranges::find(wanted_.noted, life, &wire::NotedChapter::life);
  return found == wanted_.noted.end() ? wire::Chapter() : found->chapter;
}

/// The life that nothing was heard of for longest makes room: it was replaced long ago.
void Chapters::put(LifeId life, wire::Chapter chapter) {
  std::erase_if(wanted_.noted, [&](const wire::NotedChapter& one) { return one.life == life; });
  if (wanted_.noted.size() == wire::kNotedChaptersMax) wanted_.noted.erase(wanted_.noted.begin());
  wanted_.noted.push_back({life, chapter});
  ++wanted_.revision;
}

Chapters::Verdict Chapters::note(const wire::Introduction& introduction) {
  const LifeId life = introduction.self;
  if (introduction.chapter == 0 || introduction.nonces.empty()) return Verdict::kWriting;  // has not begun to speak
  const wire::Chapter latest{introduction.chapter, introduction.nonces.back()};
  if (const wire::NotedChapter* known = find(life)) {
    const auto nonce = nonce_of(known->chapter.number, introduction.chapter, introduction.nonces);
    // Of chapters long past nothing can be told: this node was away for hundreds of them.
    const bool is_long_past = known->chapter.number < introduction.chapter && !nonce;
    if (!is_long_past && nonce != known->chapter.nonce) return Verdict::kOldCopy;
    if (known->chapter.number == latest.number) {
      const bool is_durable = std::ranges::find(durable_.noted, *known) != durable_.noted.end();
      return is_durable ? Verdict::kNoted : Verdict::kWriting;
    }
  }
  put(life, latest);
  write();
  return Verdict::kWriting;
}

void Chapters::note(const std::vector<wire::NotedChapter>& told) {
  for (const wire::NotedChapter& one : told) {
    const bool is_life = one.life.node && one.life.incarnation && one.chapter.number > 0;
    const wire::NotedChapter* known = find(one.life);
    if (!is_life || (known != nullptr && known->chapter.number >= one.chapter.number)) continue;
    put(one.life, one.chapter);
  }
  write();
}

}  // namespace torc::node
