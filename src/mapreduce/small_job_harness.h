// Test support: a job of six splits and three reduces, and what it makes when nothing happens to it.
#pragma once

#include <string>

#include "mapreduce/builtin.h"
#include "mapreduce/protocol_world_harness.h"

namespace torc::mapreduce {

constexpr uint64_t kLeaseMs = 400;

inline JobSpec small_job() {
  JobSpec spec;
  spec.map = spec.reduce = "sum";
  spec.directory = "/in";
  spec.inputs = {"/in"};
  spec.output = "/out";
  spec.reduces = 3;
  spec.split_bytes = 24;
  spec.lease_ms = kLeaseMs;
  return spec;
}

inline Functions small_functions() { return find_builtin("sum")->functions(small_job()).value(); }

inline void put_inputs(MemoryDisk& disk) {
  disk.put("/in/a", "one 1\ntwo 2\nthree 3\nfour 4\n");
  disk.put("/in/b", "two 20\nthree 30\n");
  disk.put("/in/c", "five 5\none 100\nfive 50\n");
}

inline std::string outputs(const MemoryDisk& disk) {
  return disk.get("/out/part-00000") + "--\n" + disk.get("/out/part-00001") + "--\n" + disk.get("/out/part-00002");
}

/// What the job makes when nothing happens to it.
inline std::string undisturbed() {
  ProtocolWorld world(1, small_functions(), {.has_unknown_outcomes = false});
  put_inputs(world.disk);
  world.submit(small_job());
  world.start_worker();
  while (world.step()) {
  }
  return outputs(world.disk);
}

}  // namespace torc::mapreduce
