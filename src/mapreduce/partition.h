// Which reduce gets a key.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mapreduce/job.h"

namespace torc::mapreduce {

inline uint32_t fnv1a(std::string_view key) {
  uint32_t hash = 2166136261u;
  for (const char c : key) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  return hash;
}

/// Source: MIT 6.824, lab 1 (ihash).
inline uint32_t partition_by_hash(std::string_view key, uint32_t reduces) {
  return (fnv1a(key) & 0x7fffffffu) % reduces;
}

/// By the job's own function, by borders (the first keys of partitions 1, 2, ...), or by hash.
class Partitioner {
 public:
  Partitioner(const Partition& own, const std::vector<std::string>& borders, uint32_t reduces)
      : own_(own), borders_(borders), reduces_(reduces) {}

  uint32_t count() const { return reduces_; }
  /// Less than count(). A function of the job's own that says otherwise throws std::out_of_range.
  uint32_t of(std::string_view key) const {
    if (reduces_ == 1) return 0;
    return own_ || !borders_.empty() ? of_slowly(key) : partition_by_hash(key, reduces_);
  }

 private:
  uint32_t of_slowly(std::string_view key) const;

  const Partition& own_;
  const std::vector<std::string>& borders_;
  uint32_t reduces_;
};

}  // namespace torc::mapreduce
