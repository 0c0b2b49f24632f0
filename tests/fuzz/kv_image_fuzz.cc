// Any bytes as the key of an image in the checkpoint store: refused, or exactly what the key it says is written as.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "kv/image_format.h"
#include "kv/position.h"

namespace torc::kv {
namespace {

std::string some_value() {
  const Entry entry{};
  std::string value;
  put_image_value(value, entry);
  return value;
}

std::string image_key_of(std::string_view key) {
  std::string image_key;
  put_image_key(image_key, position_of(key), key);
  return image_key;
}

void check(std::string_view bytes) {
  static const std::string value = some_value();
  if (const auto image = parse_image(bytes, value); image.ok()) {
    CHECK(image_key_of(image->key) == bytes);
    CHECK(images_of({}).contains(bytes));
  }
  if (bytes.size() > kKeyBytesMax) return;
  const std::string image_key = image_key_of(bytes);  // the same bytes as a user's key
  const auto image = parse_image(image_key, value);
  CHECK(image.ok() && image->key == bytes && key_of_image(image_key) == bytes);
}

}  // namespace
}  // namespace torc::kv

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  torc::kv::check(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
