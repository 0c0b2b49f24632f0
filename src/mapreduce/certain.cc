#include "mapreduce/certain.h"

namespace torc::mapreduce {

Result<std::optional<std::string>> read_one(KeyStore& store, const std::string& key) {
  Result<std::vector<std::optional<std::string>>> values = store.read({&key, 1});
  if (!values) return values.error();
  CHECK(values->size() == 1) << values->size();
  return std::move(values->front());
}

Result<bool> change(KeyStore& store, const std::string& key, const std::optional<std::string>& expected,
                    std::string_view value, Lifetime lifetime) {
  bool was_unknown = false;
  for (;;) {
    const Result<Changed> changed =
        expected ? store.replace(key, *expected, value) : store.create(key, value, lifetime);
    if (!changed) return changed.error();
    switch (*changed) {
      case Changed::kYes:
        return true;
      case Changed::kUnknown:
        was_unknown = true;
        continue;
      case Changed::kNo:
        break;
    }
    if (!was_unknown) return false;
    const Result<std::optional<std::string>> now = read_one(store, key);
    if (!now) return now.error();
    return *now == value;
  }
}

}  // namespace torc::mapreduce
