// The first messages on a peer connection: who is there, who is meant, and whether they will talk to each other.
//
//   dialer                                     listener
//     | -- introduction of the dialer ------------> |   judges it
//     | <-- introduction, or a refusal ------------ |
//     |   judges it                                 |
//     | -- welcome, or a refusal -----------------> |
//     | <------------- frames, both ways ---------> |
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/strong_id.h"
#include "env/network.h"

namespace torc::net {

enum class HelloKind : uint8_t {
  kIntroduction = 0,
  kWelcome = 1,
  kRefusal = 2,
  kLater = 3,  // a refusal without a reason: ask again soon
};

/// Layout, little-endian: "torcpeer", u32 version, u32 bytes of what follows; then u8 kind, u8 channel, u8 refusal
/// kind, u64 sender, u64 target, bytes introduction, bytes reason, bytes proof. What a later version puts behind is
/// passed over.
struct Hello {
  HelloKind kind = HelloKind::kIntroduction;
  env::Channel channel = env::Channel::kControl;
  NodeId sender;
  NodeId target;
  std::string introduction;  // opaque here, see env::NetworkHandler
  env::Refusal refusal;
};

/// Versions 1 and 2 said neither what their nodes' safety depends on nor which start they are: they are refused.
constexpr uint32_t kHelloVersion = 3;
constexpr std::string_view kHelloMagic = "torcpeer";
constexpr size_t kHelloHeaderBytes = 16;
constexpr size_t kHelloBodyBytesMax = 64u << 10;

/// Requires: introduction and reason together leave room for the rest of kHelloBodyBytesMax.
std::string encode(const Hello& hello);
/// How many bytes follow this header. Errors: kInvalid, with a message for the log.
Result<size_t> decode_hello_header(std::string_view header);
/// Errors: kInvalid, with a message for the log.
Result<Hello> decode_hello_body(std::string_view body);

}  // namespace torc::net
