#include "sim/file_contents.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/prng.h"

namespace torc::sim {
namespace {

/// A range of at most 40 bytes that begins within the first 100.
std::pair<uint64_t, uint64_t> draw_range(Prng& prng) {
  const uint64_t begin = prng.below(100);
  return {begin, begin + prng.below(40)};
}

TEST(FileContents, ReadsAsAPlainStringDoesWhateverWasWrittenCutAndCopied) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Prng prng(seed);
    FileContents contents[2];
    std::string model[2];
    for (int step = 0; step < 60; ++step) {
      const size_t which = prng.below(2);
      const auto [begin, end] = draw_range(prng);
      if (prng.chance(1, 8)) {
        contents[which].resize(begin);
        model[which].resize(begin);
      } else if (prng.chance(1, 3)) {
        contents[which].copy_range(contents[1 - which], begin, end);
        const uint64_t last = std::min({end, model[0].size(), model[1].size()});
        if (begin < last) model[which].replace(begin, last - begin, model[1 - which], begin, last - begin);
      } else if (begin < end) {
        const std::string text(end - begin, static_cast<char>('a' + step % 26));
        contents[which].write(begin, Bytes::copy_of(text));
        if (model[which].size() < end) model[which].resize(end);
        model[which].replace(begin, text.size(), text);
      }
      for (size_t i = 0; i < 2; ++i) {
        ASSERT_EQ(contents[i].text(), model[i]) << "seed " << seed << ", step " << step;
        ASSERT_EQ(contents[i].size(), model[i].size());
        const std::string part = begin < model[i].size() ? model[i].substr(begin, end - begin) : "";
        ASSERT_EQ(contents[i].read(begin, end - begin), part);
      }
    }
  }
}

TEST(FileContents, ACopyKeepsWhatItHadWhenTheOriginalChanges) {
  FileContents original(std::string("before"));
  const FileContents copy = original;
  original.write(0, Bytes::copy_of("after!"));
  EXPECT_EQ(copy.text(), "before");
  EXPECT_EQ(original.text(), "after!");
}

}  // namespace
}  // namespace torc::sim
