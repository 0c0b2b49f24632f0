// A store in this process: for jobs that no other process takes part in, and for tests.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "mapreduce/key_store.h"

namespace torc::mapreduce {

/// May be used by several threads. No outcome is ever unknown, no deadline passes.
class LocalStore final : public KeyStore {
 public:
  Result<std::vector<std::optional<std::string>>> read(std::span<const std::string> keys) override;
  Result<Changed> create(const std::string& key, std::string_view value, Lifetime lifetime) override;
  Result<Changed> replace(const std::string& key, std::string_view expected, std::string_view value) override;
  Status erase(std::span<const std::string> keys) override;

  std::map<std::string, std::string> all() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> values_;
};

}  // namespace torc::mapreduce
