// How large what clients send is: mostly some bytes, now and then as much as a limit allows. Each world has a budget of
// bytes, because what is large for a cluster is dear for whoever simulates it.
#pragma once

#include <cstdint>

#include "base/prng.h"
#include "sim/event_queue.h"

namespace torc::sim {

/// What a key of a bundle takes on its way, beside its value.
constexpr uint64_t kBundleKeyBytes = 40;

struct SizeOptions {
  uint64_t value_bytes_max = 0;   // of filler behind a value; 0: every value is some bytes
  uint32_t large_per_mille = 0;   // of the values have any
  uint64_t budget_bytes = 0;      // sent and read in all, beside what is small
  uint64_t bytes_per_second = 0;  // of the same; 0: as it comes. At most a second of it, or one value, at a time.
  uint64_t bundle_keys_max = 0;   // written by one MSET; 0: there is none
  uint64_t pipeline_max = 0;      // commands sent in one burst; 0: nobody pipelines
  uint64_t herd_bytes_max = 0;    // of the names of keys that expire together; 0: none do
  bool has_probes = false;        // of the limits, and of what lies one past them

  void drop_bursts() {
    pipeline_max = herd_bytes_max = 0;
    has_probes = false;
  }
};

class Sizes {
 public:
  Sizes(const EventQueue& queue, Prng prng, const SizeOptions& options)
      : queue_(queue), prng_(prng), options_(options), left_(options.budget_bytes) {}

  const SizeOptions& options() const { return options_; }
  /// Bytes of filler for a new value, paid for; mostly 0.
  uint64_t draw_filler();
  /// False if less is left, or less may be sent just now.
  bool spend(uint64_t bytes);
  /// For what will be sent in any case.
  void charge(uint64_t bytes);
  /// From now on everything is small.
  void stop() { left_ = 0; }
  bool is_spent() const { return left_ == 0; }

 private:
  void earn();

  const EventQueue& queue_;
  Prng prng_;
  SizeOptions options_;
  uint64_t left_;
  uint64_t earned_ = 0;  // if there is a pace: may be sent just now
  Instant earned_until_;
};

}  // namespace torc::sim
