#include "net/peer_hello.h"

#include "base/check.h"
#include "base/codec.h"

namespace torc::net {
namespace {

/// A peer's words go to the log and to INFO, where a line break would begin another field.
std::string one_line(std::string_view text) {
  constexpr size_t kReasonBytesMax = 1024;
  std::string line(text.substr(0, kReasonBytesMax));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = ' ';
  }
  return line;
}

}  // namespace

std::string encode(const Hello& hello) {
  std::string body;
  put_u8(body, static_cast<uint8_t>(hello.kind));
  put_u8(body, static_cast<uint8_t>(hello.channel));
  put_u8(body, static_cast<uint8_t>(hello.refusal.kind));
  put_u64(body, hello.sender.value);
  put_u64(body, hello.target.value);
  put_bytes(body, hello.introduction);
  put_bytes(body, hello.refusal.reason);
  put_bytes(body, hello.refusal.proof);
  CHECK(body.size() <= kHelloBodyBytesMax) << body.size();
  std::string bytes(kHelloMagic);
  put_u32(bytes, kHelloVersion);
  put_u32(bytes, static_cast<uint32_t>(body.size()));
  return bytes + body;
}

Result<size_t> decode_hello_header(std::string_view header) {
  Reader reader(header);
  if (reader.take(kHelloMagic.size()) != kHelloMagic) return Error{ErrorCode::kInvalid, "not a Torc node"};
  const uint32_t version = reader.u32();
  const uint32_t body_bytes = reader.u32();
  if (!reader.at_end()) return Error{ErrorCode::kInvalid, "malformed hello"};
  if (version != kHelloVersion) {
    return Error{ErrorCode::kInvalid, "speaks version " + std::to_string(version) + " of the peer protocol, not " +
                                          std::to_string(kHelloVersion)};
  }
  if (body_bytes > kHelloBodyBytesMax) return Error{ErrorCode::kInvalid, "hello too long"};
  return size_t{body_bytes};
}

Result<Hello> decode_hello_body(std::string_view body) {
  Reader reader(body);
  const uint8_t kind = reader.u8();
  const uint8_t channel = reader.u8();
  Hello hello;
  hello.refusal.kind = static_cast<env::RefusalKind>(reader.u8());  // one of a later version says nothing to this one
  hello.sender = NodeId(reader.u64());
  hello.target = NodeId(reader.u64());
  hello.introduction = reader.bytes();
  hello.refusal.reason = one_line(reader.bytes());
  hello.refusal.proof = reader.bytes();
  const bool is_known =
      kind <= static_cast<uint8_t>(HelloKind::kLater) && channel <= static_cast<uint8_t>(env::Channel::kBulk);
  if (!reader.ok() || !is_known || !hello.sender || !hello.target) {
    return Error{ErrorCode::kInvalid, "malformed hello"};
  }
  hello.kind = static_cast<HelloKind>(kind);
  hello.channel = static_cast<env::Channel>(channel);
  return hello;
}

}  // namespace torc::net
