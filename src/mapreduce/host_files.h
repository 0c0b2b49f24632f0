// The file system of this machine, or one that it shares with others.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "mapreduce/file_system.h"

namespace torc::mapreduce {

/// Holds no state: may be used by several threads.
class HostFiles final : public FileSystem {
 public:
  Result<std::vector<InputFile>> expand(const std::string& input) override;
  Result<std::unique_ptr<ReadableFile>> open(const std::string& path) override;
  Result<std::unique_ptr<WritableFile>> create(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<Moved> move(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status make_directory(const std::string& path) override;
  Status remove_tree(const std::string& path) override;
};

}  // namespace torc::mapreduce
