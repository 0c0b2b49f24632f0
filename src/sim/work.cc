#include "sim/work.h"

#include <array>

namespace torc::sim {
namespace {

struct Cost {
  int64_t fixed_ns;
  int64_t kibibyte_ns;
};

/// In the order of Work.
constexpr std::array<Cost, kWorkKinds> kCosts = {{
    {6'000, 0},    // kTurn: epoll, timers, one write per client and peer
    {2'500, 600},  // kFrameIn: a system call, CRC, one copy
    {2'500, 500},  // kFrameOut
    {900, 400},    // kCommand
    {300, 400},    // kReply
    {700, 400},    // kApply
    {0, 300},      // kGrowth
    {3'000, 500},  // kDiskWrite
    {4'000, 500},  // kDiskRead
    {900, 800},    // kCheckpointKey
}};

}  // namespace

Duration cost_of(Work work, uint64_t times, uint64_t bytes) {
  const Cost& cost = kCosts[static_cast<size_t>(work)];
  return Duration(cost.fixed_ns * static_cast<int64_t>(times) + cost.kibibyte_ns * static_cast<int64_t>(bytes) / 1024);
}

Duration handling_time(uint64_t bytes) {
  Duration sum{0};
  for (const Work work : {Work::kFrameIn, Work::kFrameOut, Work::kFrameOut, Work::kApply, Work::kGrowth,
                          Work::kDiskWrite, Work::kCheckpointKey}) {
    sum += cost_of(work, 0, bytes);
  }
  return sum;
}

}  // namespace torc::sim
