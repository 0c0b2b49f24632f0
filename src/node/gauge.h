// What a queue of a node holds at a moment, and what it can hold at most.
#pragma once

#include <cstdint>
#include <string_view>

namespace torc::node {

/// Every place where something gathers has one: INFO memory shows them, and the simulator compares them with their
/// bounds after every turn (rules.md#close-before-overflow). Where each peer or stream has a queue of its own there are
/// several of one name, each with the bound of one.
struct Gauge {
  std::string_view name;  // lives as long as the program
  uint64_t bytes = 0;
  uint64_t bytes_max = 0;

  bool is_over() const { return bytes > bytes_max; }
};

}  // namespace torc::node
