// A command that outlives the buffer it was parsed from.
#pragma once

#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "kv/command.h"

namespace torc::node {

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
    bytes_ = total;
  }

  kv::CommandView view() const { return {id_, args_}; }
  size_t bytes() const { return bytes_; }

 private:
  kv::CommandId id_ = kv::CommandId::kNone;
  size_t bytes_ = 0;
  std::unique_ptr<char[]> storage_;
  std::vector<std::string_view> args_;
};

}  // namespace torc::node
