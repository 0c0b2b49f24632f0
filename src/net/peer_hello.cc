#include "net/peer_hello.h"

#include "base/codec.h"

namespace torc::net {
namespace {

constexpr std::string_view kMagic = "torcpeer";

}  // namespace

std::string encode(const Hello& hello) {
  std::string bytes(kMagic);
  put_u32(bytes, kHelloVersion);
  put_u32(bytes, static_cast<uint32_t>(hello.channel));
  put_u64(bytes, hello.sender.value);
  put_u64(bytes, hello.target.value);
  put_u64(bytes, hello.cluster.value);
  return bytes;
}

Result<Hello> decode_hello(std::string_view bytes) {
  Reader reader(bytes);
  if (reader.take(kMagic.size()) != kMagic) return Error{ErrorCode::kInvalid, "not a Torc node"};
  const uint32_t version = reader.u32();
  if (reader.ok() && version != kHelloVersion) {
    return Error{ErrorCode::kInvalid, "speaks version " + std::to_string(version) + " of the peer protocol, not " +
                                          std::to_string(kHelloVersion)};
  }
  const uint32_t channel = reader.u32();
  Hello hello;
  hello.sender = NodeId(reader.u64());
  hello.target = NodeId(reader.u64());
  hello.cluster = ClusterId(reader.u64());
  if (!reader.at_end() || channel > static_cast<uint32_t>(env::Channel::kBulk) || !hello.sender || !hello.target) {
    return Error{ErrorCode::kInvalid, "malformed hello"};
  }
  hello.channel = static_cast<env::Channel>(channel);
  return hello;
}

}  // namespace torc::net
