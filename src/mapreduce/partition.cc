#include "mapreduce/partition.h"

#include <algorithm>
#include <stdexcept>

namespace torc::mapreduce {

uint32_t Partitioner::of_slowly(std::string_view key) const {
  if (own_) {
    const uint32_t partition = own_(key, reduces_);
    if (partition < reduces_) return partition;
    throw std::out_of_range("the partition function says " + std::to_string(partition) + " of " +
                            std::to_string(reduces_));
  }
  const auto above = std::upper_bound(borders_.begin(), borders_.end(), key,
                                      [](std::string_view a, const std::string& b) { return a < b; });
  return std::min(static_cast<uint32_t>(above - borders_.begin()), reduces_ - 1);
}

}  // namespace torc::mapreduce
