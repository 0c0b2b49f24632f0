// What the MapReduce measurements stand beside: word counts of one thread, written in three ways.
//
//   torc-count-words floor FILE      reads the file and finds the letters, and nothing more: the physical floor
//   torc-count-words idiomatic FILE  ifstream >> string into an unordered_map, as a textbook has it
//   torc-count-words tuned FILE      blocks, a table of letters, an open-addressing table of our own
//
// The counts go to standard output, "word: n", in no order.
#include <fcntl.h>
#include <unistd.h>

#include <cctype>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mapreduce/letters.h"

namespace {

constexpr size_t kBlockBytes = 256u << 10;

int count_floor(const char* path) {
  const int fd = ::open(path, O_RDONLY);
  std::vector<char> block(kBlockBytes + 64);
  std::vector<uint64_t> masks(kBlockBytes / 64 + 1);
  uint64_t letters = 0;
  for (ssize_t count; (count = ::read(fd, block.data(), kBlockBytes)) > 0;) {
    const auto bytes = static_cast<size_t>(count);
    torc::mapreduce::mark_letters({block.data(), bytes}, masks.data());
    for (size_t k = 0; k * 64 < bytes; ++k) letters += static_cast<uint64_t>(__builtin_popcountll(masks[k]));
  }
  std::printf("letters: %llu\n", static_cast<unsigned long long>(letters));
  return 0;
}

/// Anything but letters is space.
class LettersOnly : public std::ctype<char> {
 public:
  LettersOnly() : std::ctype<char>(table()) {}

 private:
  static const mask* table() {
    static mask masks[table_size];
    for (size_t c = 0; c < table_size; ++c) masks[c] = c < 128 && std::isalpha(static_cast<int>(c)) ? alpha : space;
    return masks;
  }
};

int count_idiomatic(const char* path) {
  std::ifstream file(path);
  file.imbue(std::locale(file.getloc(), new LettersOnly));
  std::unordered_map<std::string, uint64_t> counts;
  std::string word;
  while (file >> word) ++counts[word];
  for (const auto& [each, count] : counts) std::cout << each << ": " << count << "\n";
  return 0;
}

class TunedTable {
 public:
  TunedTable() : cells_(size_t{1} << 16) {}
  void add(std::string_view word) {
    uint32_t hash = 2166136261u;
    for (const char c : word) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
    size_t at = hash & (cells_.size() - 1);
    for (; cells_[at].count != 0; at = (at + 1) & (cells_.size() - 1)) {
      if (cells_[at].hash == hash && cells_[at].word == word) {
        ++cells_[at].count;
        return;
      }
    }
    cells_[at] = Cell{std::string(word), hash, 1};
    if (++count_ * 2 > cells_.size()) grow();
  }
  void print() const {
    for (const Cell& cell : cells_) {
      if (cell.count != 0) std::printf("%s: %llu\n", cell.word.c_str(), static_cast<unsigned long long>(cell.count));
    }
  }

 private:
  struct Cell {
    std::string word;
    uint32_t hash = 0;
    uint64_t count = 0;
  };
  void grow() {
    std::vector<Cell> old(cells_.size() * 2);
    old.swap(cells_);
    for (Cell& cell : old) {
      if (cell.count == 0) continue;
      size_t at = cell.hash & (cells_.size() - 1);
      while (cells_[at].count != 0) at = (at + 1) & (cells_.size() - 1);
      cells_[at] = std::move(cell);
    }
  }
  std::vector<Cell> cells_;
  size_t count_ = 0;
};

int count_tuned(const char* path) {
  bool is_letter[256] = {};
  for (int c = 'a'; c <= 'z'; ++c) is_letter[c] = is_letter[c - 'a' + 'A'] = true;
  const int fd = ::open(path, O_RDONLY);
  std::vector<char> block(kBlockBytes);
  TunedTable table;
  size_t kept = 0;
  for (;;) {
    const ssize_t count = ::read(fd, block.data() + kept, block.size() - kept);
    const size_t bytes = kept + static_cast<size_t>(count > 0 ? count : 0);
    const char* end = block.data() + bytes;
    const char* at = block.data();
    kept = 0;
    while (at < end) {
      while (at < end && !is_letter[static_cast<unsigned char>(*at)]) ++at;
      const char* word = at;
      while (at < end && is_letter[static_cast<unsigned char>(*at)]) ++at;
      if (at == end && count > 0) {
        kept = static_cast<size_t>(end - word);
        std::memmove(block.data(), word, kept);
      } else if (at > word) {
        table.add({word, static_cast<size_t>(at - word)});
      }
    }
    if (count <= 0) break;
    if (kept == block.size()) block.resize(2 * block.size());
  }
  table.print();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view kind = argc == 3 ? argv[1] : "";
  if (kind == "floor") return count_floor(argv[2]);
  if (kind == "idiomatic") return count_idiomatic(argv[2]);
  if (kind == "tuned") return count_tuned(argv[2]);
  std::fprintf(stderr, "usage: torc-count-words floor|idiomatic|tuned FILE\n");
  return 2;
}
