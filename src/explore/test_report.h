// What tests expect of an exploration. Only for tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

#include "explore/search.h"

namespace torc::explore {

inline std::string joined(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}

inline void expect_complete(const Config& config, const Limits& limits = {}) {
  const Report report = explore(config, limits);
  EXPECT_TRUE(report.violation.empty()) << report.violation << "\n" << joined(report.trace);
  EXPECT_TRUE(report.is_complete) << report.frontier << " worlds left";
  // Histories that meet in one state were compared from there on: the encoding leaves out nothing that matters.
  EXPECT_GT(report.histories_compared, 0u);
  std::printf("%llu distinct worlds, depth %llu\n", static_cast<unsigned long long>(report.distinct),
              static_cast<unsigned long long>(report.depth));
}

inline void expect_found(Plant plant, const std::string& violation, uint64_t actions) {
  const Report report = explore(world_of(plant), {});
  EXPECT_NE(report.violation.find(violation), std::string::npos) << report.violation << "\n" << joined(report.trace);
  EXPECT_EQ(report.trace.size(), actions) << joined(report.trace);
}

/// No violation, and every world up to this many actions was met.
inline void expect_safe_to_depth(const Config& config, uint64_t depth) {
  Limits limits;
  limits.depth = depth;
  const Report report = explore(config, limits);
  EXPECT_TRUE(report.violation.empty()) << report.violation << "\n" << joined(report.trace);
  EXPECT_EQ(report.depth, depth);
  std::printf("%llu distinct worlds, depth %llu\n", static_cast<unsigned long long>(report.distinct),
              static_cast<unsigned long long>(report.depth));
}

}  // namespace torc::explore
