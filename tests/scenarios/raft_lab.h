// The Raft lab's scenarios, each with one group and with as many as it has arcs.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>

#include "scenarios/raft_cluster.h"
#include "scenarios/seeds.h"

namespace torc::scenarios {

class RaftLab : public testing::TestWithParam<uint32_t> {
 protected:
  static uint32_t arcs() { return GetParam(); }
  static uint64_t seeds() { return arcs() == 1 ? kSeeds : kSeedsOfManyArcs; }
  static int rounds_of_figure_8() { return arcs() == 1 ? 1000 : 500; }
};

}  // namespace torc::scenarios
