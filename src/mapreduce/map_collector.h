// Where the pairs of a map go: into memory, sorted into runs of the attempt's file whenever that is full.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "mapreduce/attempt_context.h"
#include "mapreduce/job.h"
#include "mapreduce/map_file.h"
#include "mapreduce/partition.h"

namespace torc::mapreduce {

class MapCollector : public Emitter {
 public:
  MapCollector(AttemptContext& context, const Assignment& assignment);

  /// Throws std::length_error for a pair above kPairBytesMax, AttemptFault if the disk refuses.
  void emit_bytes(std::string_view key, std::string_view value) override;
  void count(std::string_view counter, uint64_t by) override;

  /// A word in a buffer: kReadAhead bytes can be read from its first one on. Requires: a WordMap.
  void add_word(const char* word, size_t bytes) {
    if (!table_->fits(bytes)) spill();
    if (bytes <= CountTable::kInlineBytesMax) {
      table_->count_inline(word, bytes);
    } else {
      table_->add({word, bytes}, 1);
    }
    ++words_;
  }
  uint64_t words() const { return words_; }

  Output finish();

 private:
  void spill();
  void spill_table();
  void spill_buffer();
  void spill_combined(const Reduce& combine);

  AttemptContext& context_;
  Partitioner partitioner_;
  MapFileWriter file_;
  CountTable* table_ = nullptr;        // either this
  SortBuffer* sort_buffer_ = nullptr;  // or this
  std::string_view word_value_;        // of WordMap::kInput
  Counters counters_;
  uint64_t words_ = 0;
};

}  // namespace torc::mapreduce
