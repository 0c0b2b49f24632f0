// Any bytes from the peer port, behind a checksum that fits: refused or decoded, and what was decoded survives the
// wire.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/codec.h"
#include "base/crc32c.h"
#include "wire/peer_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::string body;
  torc::put_u32(body, torc::crc32c(rest));
  body += rest;
  const auto decoded = torc::wire::decode(torc::Bytes(body));
  if (!decoded.ok()) return 0;
  if (const auto* pack = std::get_if<torc::wire::Pack>(&decoded.value())) {
    for (size_t i = 0; i < pack->parts.size(); ++i) static_cast<void>(torc::wire::decode_part(*pack, i));
  }
  const std::string encoded = torc::wire::encode(decoded.value()).joined();
  const auto again = torc::wire::decode(torc::Bytes(encoded));
  CHECK(again.ok()) << again.error().message;
  CHECK(torc::wire::encode(again.value()).joined() == encoded);
  return 0;
}
