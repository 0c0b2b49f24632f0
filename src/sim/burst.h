// Commands for one connection, and what their answers may be. Each burst has keys of its own, so what its commands see
// of each other is known without a search.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "check/history.h"
#include "sim/deed.h"
#include "sim/sizes.h"

namespace torc::sim {

class Burst {
 public:
  virtual ~Burst() = default;
  virtual std::vector<Command> take_commands() = 0;
  /// In the order of the commands. Says what is wrong with it; empty if nothing is.
  virtual std::string on_answer(size_t position, const check::Outcome& outcome) = 0;
};

/// Counts and writes one value after the other, reading in between: on one connection a read sees the writes before it,
/// and writes take effect in order.
std::unique_ptr<Burst> make_pipeline(uint64_t number, Prng prng, Sizes& sizes);
/// Keys that end together at `deadline`; their names are long.
std::unique_ptr<Burst> make_herd(uint64_t number, Prng prng, Sizes& sizes, WallMs deadline);
/// What is one past a limit is answered with an error and changes nothing; what is at it, is executed.
std::unique_ptr<Burst> make_probe(uint64_t number, Prng prng, Sizes& sizes);

}  // namespace torc::sim
