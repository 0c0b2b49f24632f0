// The file of a split, read in blocks. Notices when the file is not the one that was planned with.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "mapreduce/attempt_context.h"
#include "mapreduce/plan.h"

namespace torc::mapreduce {

class SplitFile {
 public:
  /// Throws AttemptFault: kFatal if the file has changed since the plan or is gone.
  SplitFile(AttemptContext& context, const JobSpec& spec, const Split& split);

  const Split& split() const { return split_; }
  /// Up to `count` bytes of the file from `offset`, fewer only at its end. Blocks of the file, not a mapping of it: a
  /// file that is cut short under a mapping ends the process.
  size_t read_at(uint64_t offset, char* to, size_t count);
  /// Throws kFatal if the file is not as it was planned with any more. To be called behind the last read: what was read
  /// before may be of either content.
  void check_unchanged();

 private:
  AttemptContext& context_;
  const Split& split_;
  std::unique_ptr<ReadableFile> file_;
};

}  // namespace torc::mapreduce
