// SCAN, TORC.SCAN: walks over the keys in the order of their positions, a page at a time.
//
// A cursor is the position at which to go on, so it means the same at every node and after every restart, and it is
// never too old. A page is what the keys at its positions are at one moment (linearizable), and costs a bounded amount
// of work. Keys that have expired and were not purged yet are there, as in DBSIZE: only entries of the log delete
// (rules.md#leader-time).
#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "base/glob_pattern.h"
#include "kv/argument.h"
#include "kv/handlers.h"
#include "kv/position.h"

namespace torc::kv {
namespace {

constexpr int64_t kCountDefault = 10;       // Redis's
constexpr int64_t kCountMax = 1000;         // keys looked at in a page; more may be asked for, as a wish
constexpr size_t kPageBytesMax = 1u << 20;  // of keys and values in a page; the last one may exceed it
constexpr size_t kPatternBytesMax = 512;
// A pattern of stars compares each of its characters with each of a key's.
constexpr size_t kPatternWorkMax = 4u << 20;
constexpr std::string_view kInvalidCursor = "ERR invalid cursor";
constexpr std::string_view kPatternTooLong = "ERR pattern is longer than 512 bytes";
constexpr std::string_view kInvalidSlots = "ERR slots are 0 to 16383, the first not behind the last";

struct Walk {
  uint64_t from = 0;
  uint64_t last = last_position_of(kSlotCount - 1);
  int64_t count = kCountDefault;
  std::optional<std::string_view> pattern;
  std::string_view prefix;
  bool wants_values = false;
  bool wants_nothing = false;  // a type that no key has
};

std::optional<uint64_t> parse_unsigned(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Walk> refuse(std::string_view error, ReplySink& sink) {
  sink.error(error);
  return std::nullopt;
}

/// COUNT n; false after writing the error.
bool parse_count(std::string_view argument, Walk& walk, ReplySink& sink) {
  const std::optional<int64_t> count = integer_argument(argument, sink);
  if (!count) return false;
  if (*count < 1) {
    sink.error(kSyntaxError);
    return false;
  }
  walk.count = std::min(*count, kCountMax);
  return true;
}

/// SCAN cursor [MATCH pattern] [COUNT n] [TYPE type]
std::optional<Walk> parse_scan(Args args, ReplySink& sink) {
  Walk walk;
  const std::optional<uint64_t> cursor = parse_unsigned(args[0]);
  if (!cursor) return refuse(kInvalidCursor, sink);
  walk.from = *cursor;
  for (size_t i = 1; i < args.size(); i += 2) {
    if (i + 1 == args.size()) return refuse(kSyntaxError, sink);
    const std::string_view value = args[i + 1];
    if (is_word(args[i], "COUNT")) {
      if (!parse_count(value, walk, sink)) return std::nullopt;
    } else if (is_word(args[i], "MATCH")) {
      if (value.size() > kPatternBytesMax) return refuse(kPatternTooLong, sink);
      walk.pattern = value;
    } else if (is_word(args[i], "TYPE")) {
      walk.wants_nothing = !is_word(value, "STRING");
    } else {
      return refuse(kSyntaxError, sink);
    }
  }
  return walk;
}

/// TORC.SCAN first-slot last-slot cursor [PREFIX prefix] [COUNT n] [VALUES]
std::optional<Walk> parse_torc_scan(Args args, ReplySink& sink) {
  Walk walk;
  const std::optional<uint64_t> first = parse_unsigned(args[0]);
  const std::optional<uint64_t> last = parse_unsigned(args[1]);
  if (!first || !last || *last >= kSlotCount || *first > *last) return refuse(kInvalidSlots, sink);
  const std::optional<uint64_t> cursor = parse_unsigned(args[2]);
  if (!cursor) return refuse(kInvalidCursor, sink);
  walk.from = std::max(*cursor, *first << kLowPositionBits);
  walk.last = last_position_of(static_cast<uint16_t>(*last));
  walk.count = kCountMax;
  for (size_t i = 3; i < args.size(); ++i) {
    if (is_word(args[i], "VALUES")) {
      walk.wants_values = true;
    } else if (is_word(args[i], "PREFIX") && i + 1 < args.size()) {
      walk.prefix = args[++i];
    } else if (is_word(args[i], "COUNT") && i + 1 < args.size()) {
      if (!parse_count(args[++i], walk, sink)) return std::nullopt;
    } else {
      return refuse(kSyntaxError, sink);
    }
  }
  return walk;
}

struct Page {
  std::vector<const Entry*> entries;
  uint64_t next = 0;  // 0: nothing is left
};

bool is_wanted(const Walk& walk, const Entry& entry) {
  if (entry.is_tombstone() || walk.wants_nothing || !entry.key().starts_with(walk.prefix)) return false;
  return !walk.pattern || matches_glob(*walk.pattern, entry.key(), LetterCase::kMatters);
}

Page page_of(const Table& table, const Walk& walk) {
  Page page;
  if (walk.from > walk.last) return page;
  std::vector<PositionedEntry> listed;
  const std::optional<uint64_t> behind =
      table.list_positions(walk.from, walk.last, static_cast<size_t>(walk.count), listed);
  size_t bytes = 0;
  size_t work = 0;
  for (size_t i = 0; i < listed.size(); ++i) {
    const Entry& entry = *listed[i].entry;
    const bool is_full = i >= static_cast<size_t>(walk.count) || bytes > kPageBytesMax || work > kPatternWorkMax;
    if (is_full && listed[i].position != listed[i - 1].position) {
      page.next = listed[i].position;
      return page;
    }
    if (walk.pattern) work += walk.pattern->size() * entry.key().size();
    if (!is_wanted(walk, entry)) continue;
    bytes += entry.key().size() + (walk.wants_values ? entry.value().size() : 0);
    page.entries.push_back(&entry);
  }
  // What comes next may be another group's.
  const uint64_t arc_end = uint64_t{table.arc().end_slot} << kLowPositionBits;
  const bool ends_with_arc = table.arc().end_slot < kSlotCount && arc_end <= walk.last;
  page.next = behind.value_or(ends_with_arc ? arc_end : 0);
  return page;
}

void write_cursor(uint64_t next, ReplySink& sink) {
  sink.array(2);
  sink.bulk(std::to_string(next));
}

}  // namespace

bool check_scan(Args args, ReplySink& sink) { return parse_scan(args, sink).has_value(); }

void scan(const ReadContext& c) {
  const std::optional<Walk> walk = parse_scan(c.args, c.sink);
  if (!walk) return;
  const Page page = page_of(c.table, *walk);
  write_cursor(page.next, c.sink);
  c.sink.array(page.entries.size());
  for (const Entry* entry : page.entries) c.sink.bulk(entry->key());
}

bool check_torc_scan(Args args, ReplySink& sink) { return parse_torc_scan(args, sink).has_value(); }

/// Keys, each with its deadline in milliseconds (0: none), and with its value if wanted.
void torc_scan(const ReadContext& c) {
  const std::optional<Walk> walk = parse_torc_scan(c.args, c.sink);
  if (!walk) return;
  const Page page = page_of(c.table, *walk);
  write_cursor(page.next, c.sink);
  c.sink.array(page.entries.size() * (walk->wants_values ? 3 : 2));
  for (const Entry* entry : page.entries) {
    c.sink.bulk(entry->key());
    c.sink.integer(entry->deadline());
    if (walk->wants_values) c.sink.bulk(entry->value());
  }
}

}  // namespace torc::kv
