// The words that begin in a split, one buffer after the other. A word is a run of letters.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "mapreduce/count_table.h"
#include "mapreduce/letters.h"
#include "mapreduce/line_reader.h"
#include "mapreduce/split_file.h"

namespace torc::mapreduce {

/// A word belongs to the split in which its first byte lies, like a line.
class WordReader {
 public:
  static constexpr size_t kWordBytesMax = 1u << 20;

  explicit WordReader(SplitFile& file);

  /// Reads the next buffer and calls take(first byte, bytes) for its words; CountTable::kReadAhead bytes can be read
  /// from each first byte on. False if there is nothing more. Throws BadRecordError: a word is longer than
  /// kWordBytesMax; the next call goes on behind it.
  template <typename Take>
  bool next(Take take) {
    if (!fill()) return false;
    const char* text = buffer_.data();
    const char* word = text;  // the first byte of the word under way
    uint64_t carry = 0;       // 1: a word is under way
    for (size_t k = 0; k * kMaskBytes < usable_; ++k) {
      const uint64_t mask = masks_[k];
      // Where letters begin and where they end, alternately.
      uint64_t turns = mask ^ (mask << 1 | carry);
      const char* here = text + k * kMaskBytes;
      if (carry != 0 && turns != 0) {
        take(word, static_cast<size_t>(here + __builtin_ctzll(turns) - word));
        turns &= turns - 1;
      }
      while (turns != 0) {
        word = here + __builtin_ctzll(turns);
        turns &= turns - 1;
        if (turns == 0) break;
        take(word, static_cast<size_t>(here + __builtin_ctzll(turns) - word));
        turns &= turns - 1;
      }
      carry = mask >> 63;
    }
    if (carry != 0) take(word, static_cast<size_t>(text + usable_ - word));
    return true;
  }
  /// In the file, of the buffer that next() gave last, or of the word it complained about.
  uint64_t at() const { return at_; }

 private:
  static constexpr size_t kBlockBytes = 256u << 10;

  /// Moves what was not given yet to the buffer's front, reads more, marks the letters of the words to be given.
  bool fill();
  void read_more();
  /// Unmarks what belongs to the words of others; says how far the marks reach whole words of this split.
  size_t whole_words();
  bool is_marked(size_t i) const { return (masks_[i / kMaskBytes] >> (i % kMaskBytes) & 1) != 0; }
  void unmark(size_t begin, size_t end);
  size_t end_of_word(size_t i) const;

  SplitFile& file_;
  std::vector<char> buffer_;
  std::vector<uint64_t> masks_;
  size_t bytes_ = 0;    // in the buffer
  size_t usable_ = 0;   // of them, given by this call of next()
  uint64_t buffer_at_;  // in the file: the buffer's first byte
  uint64_t at_ = 0;
  bool is_at_end_ = false;  // of the file
  bool is_over_ = false;    // what follows belongs to the next split
  bool has_begun_ = false;
  bool is_skipping_ = false;  // a word that is another split's, or too long
};

}  // namespace torc::mapreduce
