#include "cli/memory_size.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>

namespace torc::cli {
namespace {

struct Unit {
  std::string_view name;
  uint64_t bytes;
};

constexpr std::array<Unit, 8> kUnits = {{{"", 1},
                                         {"b", 1},
                                         {"k", 1000},
                                         {"kb", 1u << 10},
                                         {"m", 1'000'000},
                                         {"mb", 1u << 20},
                                         {"g", 1'000'000'000},
                                         {"gb", 1u << 30}}};

/// The number at the front of a file; nothing if there is none ("max", or no such file).
std::optional<uint64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  uint64_t number = 0;
  if (!(file >> number)) return std::nullopt;
  return number;
}

uint64_t machine_memory(const std::string& root) {
  std::ifstream file(root + "/proc/meminfo");
  std::string name;
  uint64_t kib = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    if (fields >> name >> kib && name == "MemTotal:") return kib << 10;
  }
  return 0;
}

/// The least limit of a control group and all that it is in.
uint64_t least_limit(const std::string& hierarchy, std::string group, const std::string& file) {
  uint64_t least = UINT64_MAX;
  for (;;) {
    if (const auto limit = number_in(hierarchy + group + "/" + file)) least = std::min(least, *limit);
    const size_t slash = group.rfind('/');
    if (slash == std::string::npos) return least;
    group.resize(slash);
  }
}

uint64_t group_limit(const std::string& root) {
  uint64_t least = UINT64_MAX;
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // number:controllers:path
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string group = line.substr(second + 1);
    while (group.ends_with('/')) group.pop_back();
    if (controllers == ",,") {
      least = std::min(least, least_limit(root + "/sys/fs/cgroup", group, "memory.max"));
    } else if (controllers.find(",memory,") != std::string::npos) {
      least = std::min(least, least_limit(root + "/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"));
    }
  }
  return least;
}

}  // namespace

Result<uint64_t> parse_memory_size(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string unit(end, text.data() + text.size());
  for (char& c : unit) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const auto found = std::ranges::find(kUnits, std::string_view(unit), &Unit::name);
  uint64_t bytes = 0;
  if (error != std::errc() || found == kUnits.end() || __builtin_mul_overflow(number, found->bytes, &bytes)) {
    return Error{ErrorCode::kInvalid, "\"" + std::string(text) + "\" is not a size: write bytes, or 100mb, or 2gb"};
  }
  return bytes;
}

uint64_t memory_available(const std::string& root) {
  const uint64_t machine = machine_memory(root);
  const uint64_t group = group_limit(root);
  return machine == 0 ? (group == UINT64_MAX ? 0 : group) : std::min(machine, group);
}

}  // namespace torc::cli
