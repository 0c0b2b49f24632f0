#include "kv/stamp_repair.h"

#include "kv/number.h"

namespace torc::kv {

std::vector<std::string> arguments(const StampRepair& repair) {
  return {std::to_string(repair.stamp.ms), std::to_string(repair.operations_right),
          std::to_string(repair.deadline_min.ms)};
}

std::optional<StampRepair> parse_stamp_repair(Args args) {
  if (args.size() != 3) return std::nullopt;
  const auto stamp = parse_integer(args[0]);
  const auto operations = parse_integer(args[1]);
  const auto deadline = parse_integer(args[2]);
  if (!stamp || !operations || !deadline || *stamp < 0 || *operations < 0 || *deadline < *stamp) return std::nullopt;
  return StampRepair{WallMs{*stamp}, static_cast<uint64_t>(*operations), WallMs{*deadline}};
}

}  // namespace torc::kv
