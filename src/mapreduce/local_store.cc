#include "mapreduce/local_store.h"

namespace torc::mapreduce {

Result<std::vector<std::optional<std::string>>> LocalStore::read(std::span<const std::string> keys) {
  const std::lock_guard lock(mutex_);
  std::vector<std::optional<std::string>> values;
  for (const std::string& key : keys) {
    const auto found = values_.find(key);
    values.push_back(found == values_.end() ? std::nullopt : std::optional(found->second));
  }
  return values;
}

Result<Changed> LocalStore::create(const std::string& key, std::string_view value, Lifetime) {
  const std::lock_guard lock(mutex_);
  return values_.emplace(key, value).second ? Changed::kYes : Changed::kNo;
}

Result<Changed> LocalStore::replace(const std::string& key, std::string_view expected, std::string_view value) {
  const std::lock_guard lock(mutex_);
  const auto found = values_.find(key);
  if (found == values_.end() || found->second != expected) return Changed::kNo;
  found->second = value;
  return Changed::kYes;
}

Status LocalStore::erase(std::span<const std::string> keys) {
  const std::lock_guard lock(mutex_);
  for (const std::string& key : keys) values_.erase(key);
  return {};
}

std::map<std::string, std::string> LocalStore::all() const {
  const std::lock_guard lock(mutex_);
  return values_;
}

}  // namespace torc::mapreduce
