// Many sorted sections as one sorted stream. Pairs of equal keys come in the order of the sections, so that the values
// of a key keep the order of the inputs.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mapreduce/record_format.h"
#include "mapreduce/section_reader.h"

namespace torc::mapreduce {

/// A tournament of losers (Knuth, volume 3, 5.4.1): one comparison per level and pair, and no more.
class Merge {
 public:
  explicit Merge(std::vector<std::unique_ptr<SectionReader>> sections);

  /// Moves on to the next pair; false at the end, or at an error.
  bool next();
  /// Valid until the next call of next().
  std::string_view key() const { return winner().reader->key(); }
  std::string_view value() const { return winner().reader->value(); }
  /// The first eight bytes of the key as a number.
  uint64_t prefix() const { return winner().prefix; }
  /// Known once next() said false. `section`: in which one of those given it happened.
  const Status& status() const { return status_; }
  size_t failed_section() const { return failed_section_; }

 private:
  struct Head {
    uint64_t prefix = 0;
    uint32_t index = 0;
    bool is_open = false;  // closed ones come last
    SectionReader* reader = nullptr;
  };

  const Head& winner() const { return heads_[winner_]; }
  bool advance(uint32_t index);
  bool is_before(uint32_t a, uint32_t b) const {
    const Head& x = heads_[a];
    const Head& y = heads_[b];
    if (x.prefix != y.prefix) return x.prefix < y.prefix;
    return is_before_by_more(x, y);
  }
  static bool is_before_by_more(const Head& x, const Head& y);
  uint32_t play(uint32_t node);

  std::vector<std::unique_ptr<SectionReader>> sections_;
  std::vector<Head> heads_;
  std::vector<uint32_t> losers_;  // of the matches 1 ... n - 1
  uint32_t winner_ = 0;
  bool has_begun_ = false;
  Status status_;
  size_t failed_section_ = 0;
};

}  // namespace torc::mapreduce
