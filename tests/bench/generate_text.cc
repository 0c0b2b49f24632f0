// Texts for the MapReduce measurements and tests, the same for the same seed.
//
//   torc-text books BYTES [SEED]     sentences whose words follow Zipf's law, as in books
//   torc-text distinct WORDS [SEED]  so many different words, eight to a line, in no order
//   torc-text lines BYTES [SEED]     lines of 40 to 120 characters that differ early
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/prng.h"

namespace {

using torc::Prng;

constexpr size_t kVocabulary = 100'000;

void write_all(std::string& out, bool is_last = false) {
  if (!is_last && out.size() < (1u << 20)) return;
  std::fwrite(out.data(), 1, out.size(), stdout);
  out.clear();
}

/// The frequent ones are short, as in languages.
std::string make_word(Prng& prng, size_t rank) {
  const size_t base = 2 + static_cast<size_t>(std::log2(static_cast<double>(rank + 2)) / 3.0);
  const size_t letters = base + prng.below(5);
  std::string word;
  for (size_t i = 0; i < letters; ++i) word.push_back(static_cast<char>('a' + prng.below(26)));
  return word;
}

/// Draws ranks by Zipf's law in constant time (Walker's alias method; Vose 1991).
class Zipf {
 public:
  explicit Zipf(size_t count) : threshold_(count), alias_(count) {
    std::vector<double> share(count);
    double sum = 0;
    for (size_t i = 0; i < count; ++i) sum += 1.0 / static_cast<double>(i + 1);
    std::vector<size_t> small;
    std::vector<size_t> large;
    for (size_t i = 0; i < count; ++i) {
      share[i] = static_cast<double>(count) / static_cast<double>(i + 1) / sum;
      (share[i] < 1 ? small : large).push_back(i);
    }
    while (!small.empty() && !large.empty()) {
      const size_t less = small.back();
      const size_t more = large.back();
      small.pop_back();
      threshold_[less] = share[less];
      alias_[less] = more;
      share[more] -= 1 - share[less];
      if (share[more] < 1) {
        large.pop_back();
        small.push_back(more);
      }
    }
    for (const size_t rest : small) threshold_[rest] = 1;
    for (const size_t rest : large) threshold_[rest] = 1;
  }
  size_t draw(Prng& prng) const {
    const size_t at = prng.below(threshold_.size());
    const double coin = static_cast<double>(prng.next() >> 11) * 0x1p-53;
    return coin < threshold_[at] ? at : alias_[at];
  }

 private:
  std::vector<double> threshold_;
  std::vector<size_t> alias_;
};

void write_books(uint64_t bytes, uint64_t seed) {
  Prng vocabulary_prng(1);
  std::vector<std::string> words;
  for (size_t i = 0; i < kVocabulary; ++i) words.push_back(make_word(vocabulary_prng, i));
  const Zipf zipf(words.size());
  Prng prng(seed);
  std::string out;
  uint64_t written = 0;
  size_t column = 0;
  bool is_first = true;  // of a sentence
  while (written < bytes) {
    std::string word = words[zipf.draw(prng)];
    if (is_first || prng.chance(1, 40)) word[0] = static_cast<char>(word[0] - 'a' + 'A');
    is_first = prng.chance(1, 14);
    if (is_first) word += prng.chance(1, 8) ? "!" : ".";
    if (!is_first && prng.chance(1, 9)) word += ",";
    column += word.size() + 1;
    word += column > 70 ? "\n" : " ";
    if (column > 70) column = 0;
    written += word.size();
    out += word;
    write_all(out);
  }
  out.resize(out.size() - (written - bytes));
  if (!out.empty()) out.back() = '\n';
  write_all(out, true);
}

/// A number in base 26, its digits mixed so that neighbours do not look alike: no two are equal.
void write_distinct(uint64_t count, uint64_t seed) {
  constexpr uint64_t kSpace = 208'827'064'576;  // 26^8
  constexpr uint64_t kStep = 128'102'389'403;   // odd and no multiple of 13: visits all of them
  std::string out;
  uint64_t value = seed % kSpace;
  for (uint64_t i = 0; i < count; ++i) {
    value = (value + kStep) % kSpace;
    uint64_t rest = value;
    for (int digit = 0; digit < 8; ++digit, rest /= 26) out.push_back(static_cast<char>('a' + rest % 26));
    out.push_back(i % 8 == 7 ? '\n' : ' ');
    write_all(out);
  }
  out += "\n";
  write_all(out, true);
}

void write_lines(uint64_t bytes, uint64_t seed) {
  Prng prng(seed);
  std::string out;
  for (uint64_t written = 0; written < bytes;) {
    const size_t length = prng.between(40, 120);
    std::string line;
    for (size_t i = 0; i < length; i += 8) {
      uint64_t bits = prng.next();
      for (size_t k = 0; k < 8 && line.size() < length; ++k, bits >>= 8) {
        line.push_back(static_cast<char>(' ' + (bits & 0xff) % 95));
      }
    }
    line.push_back('\n');
    written += line.size();
    out += line;
    write_all(out);
  }
  write_all(out, true);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string kind = argc > 1 ? argv[1] : "";
  const uint64_t size = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  const uint64_t seed = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1;
  if (size > 0 && kind == "books") {
    write_books(size, seed);
  } else if (size > 0 && kind == "distinct") {
    write_distinct(size, seed);
  } else if (size > 0 && kind == "lines") {
    write_lines(size, seed);
  } else {
    std::fprintf(stderr, "usage: torc-text books BYTES | distinct WORDS | lines BYTES [SEED]\n");
    return 2;
  }
  return 0;
}
