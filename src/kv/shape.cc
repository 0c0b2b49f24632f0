#include "kv/shape.h"

#include "base/check.h"
#include "kv/argument.h"
#include "kv/limits.h"

namespace torc::kv {
namespace {

constexpr std::string_view kKeyTooLong = "ERR key exceeds maximum allowed size (65535 bytes)";
static_assert(kKeyBytesMax == 65'535);

}  // namespace

bool has_one_key(const CommandTraits& traits) { return traits.first_key == 1 && traits.last_key == 1; }

bool accepts_count(const CommandTraits& traits, size_t arguments) {
  if (arguments > kArgsMax) return false;
  const auto count = static_cast<int>(arguments) + 1;  // the name counts
  return traits.arity >= 0 ? count == traits.arity : count >= -traits.arity;
}

KeyRange keys_of(const CommandTraits& traits, Args args) {
  CHECK(accepts_count(traits, args.size())) << traits.name << " with " << args.size() << " arguments";
  if (traits.first_key == 0) return {};
  const size_t last = traits.last_key < 0 ? args.size() - static_cast<size_t>(-traits.last_key)
                                          : static_cast<size_t>(traits.last_key) - 1;
  return {static_cast<size_t>(traits.first_key) - 1, last + 1, static_cast<size_t>(traits.key_step)};
}

bool check_shape(const CommandTraits& traits, Args args, ReplySink& sink) {
  if (!accepts_count(traits, args.size())) {
    wrong_argument_count(traits.name, sink);
    return false;
  }
  for (std::string_view arg : args) {
    if (arg.size() <= kValueBytesMax) continue;
    sink.error(kValueTooLong);
    return false;
  }
  const KeyRange keys = keys_of(traits, args);
  for (size_t i = keys.begin; i < keys.end; i += keys.step) {
    if (args[i].size() <= kKeyBytesMax) continue;
    sink.error(kKeyTooLong);
    return false;
  }
  return true;
}

}  // namespace torc::kv
