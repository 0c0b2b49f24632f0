// Peer messages behind a valid checksum: no bytes crash the decoder, and what it accepts survives another round.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/codec.h"
#include "base/crc32c.h"
#include "wire/peer_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kCrcBytes = 4;
  std::string body(reinterpret_cast<const char*>(data), size);
  if (size >= kCrcBytes) torc::store_u32(body.data(), torc::crc32c(std::string_view(body).substr(kCrcBytes)));
  torc::Result<torc::wire::PeerMessage> message = torc::wire::decode(torc::Bytes(std::move(body)));
  if (!message.ok()) return 0;
  const std::string canonical = torc::wire::encode(*message).joined();
  torc::Result<torc::wire::PeerMessage> again = torc::wire::decode(torc::Bytes(canonical));
  CHECK(again.ok());
  CHECK(torc::wire::encode(*again).joined() == canonical);
  return 0;
}
