// A command that outlives the buffer it was parsed from.
#pragma once

#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "kv/command.h"

namespace torc::node {

/// What a command that waits costs, its copy and what stands beside it wherever it waits. Arguments of one byte cost
/// sixteen more for their view.
inline size_t footprint(const kv::CommandView& command) {
  constexpr size_t kOverheadBytes = 128;
  size_t bytes = kOverheadBytes + command.args.size() * sizeof(std::string_view);
  for (const std::string_view arg : command.args) bytes += arg.size();
  return bytes;
}

/// Owns one copy of the arguments' bytes; moving keeps the views valid.
class CommandCopy {
 public:
  CommandCopy() = default;
  explicit CommandCopy(const kv::CommandView& command) : id_(command.id) {
    size_t total = 0;
    for (const std::string_view arg : command.args) total += arg.size();
    storage_ = std::make_unique_for_overwrite<char[]>(total);
    args_.reserve(command.args.size());
    char* end = storage_.get();
    for (const std::string_view arg : command.args) {
      if (!arg.empty()) std::memcpy(end, arg.data(), arg.size());
      args_.emplace_back(end, arg.size());
      end += arg.size();
    }
  }

  kv::CommandView view() const { return {id_, args_}; }
  size_t bytes() const { return footprint(view()); }

 private:
  kv::CommandId id_ = kv::CommandId::kNone;
  std::unique_ptr<char[]> storage_;
  std::vector<std::string_view> args_;
};

}  // namespace torc::node
