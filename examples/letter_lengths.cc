// How many words of each length does a text have? A map and a reduce of one's own, run like any other job:
//
//   letter-lengths run --map lengths --reduce lengths --inputs 'books/*.txt' --output out --local
//   letter-lengths run --map lengths --reduce lengths --inputs 'books/*.txt' --output out --workers 4 --node host:port
#include <sstream>
#include <string>

#include "cli/mapreduce_program.h"

using namespace torc::mapreduce;

int main(int argc, char** argv) {
  Functions lengths;
  lengths.map = [](const Record& line, Emitter& out) {
    std::istringstream words{std::string(line.text)};
    for (std::string word; words >> word;) out.emit(word.size(), 1);
  };
  lengths.reduce = [](std::string_view length, Values& counts, Emitter& out) {
    int64_t sum = 0;
    while (const auto count = counts.next<int64_t>()) sum += *count;
    out.emit(length, sum);
  };
  lengths.combine = SumCombine{};  // only the sum of the counts matters: add them up where they arise
  return torc::cli::run_mapreduce(argc, argv, {{"lengths", lengths}});
}
