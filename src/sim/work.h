// What the work of a simulated process costs in time. Simulators forget this: in a world where work is free no turn is
// long, no timer is late and no frame waits in a socket, so nothing ever starves its own heartbeats.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace torc::sim {

/// Everything is counted where it passes the interfaces of env/ and node/: the product has no hooks for this.
enum class Work : uint8_t {
  kTurn,           // one pass of the loop: what it costs if nothing happens
  kFrameIn,        // received, checked and parsed
  kFrameOut,       // encoded and handed to the kernel
  kCommand,        // of a client, parsed and gathered
  kReply,          // to a client
  kApply,          // one operation of an entry, and its bytes
  kGrowth,         // bytes by which the state grew or shrank: allocated, copied, freed
  kDiskWrite,      // framed and handed over
  kDiskRead,       // blocking, from the page cache
  kCheckpointKey,  // one key written to or read from the checkpoint store
};
constexpr size_t kWorkKinds = 10;

/// On the machine of docs/bench.md, as far as it was measured there; what counts is that nothing is free and that bytes
/// cost. `times`: how often the fixed part is paid.
Duration cost_of(Work work, uint64_t times, uint64_t bytes);

/// About what a node does with so many bytes of a write that arrives, is stored, applied, sent on and checkpointed.
Duration handling_time(uint64_t bytes);

/// Told by the parts of a simulated machine what its process does.
class WorkMeter {
 public:
  virtual ~WorkMeter() = default;
  virtual void work(Work work, uint64_t times, uint64_t bytes) = 0;
  /// The process waits for a device, however fast it is itself.
  virtual void wait(Duration length) = 0;
};

}  // namespace torc::sim
