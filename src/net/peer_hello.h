// The first bytes on a peer connection, both ways: who is there, and who is meant.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/strong_id.h"
#include "env/network.h"

namespace torc::net {

/// Layout, little-endian: 0 "torcpeer"  8 u32 version (2)  12 u8 channel  13 three zeros  16 u64 sender  24 u64 target
/// 32 u64 cluster of the sender.
/// The dialer speaks first; the listener answers only if it is the target and expects the sender, else it hangs up.
struct Hello {
  NodeId sender;
  NodeId target;
  env::Channel channel = env::Channel::kControl;
  ClusterId cluster;  // none: the sender is no member of any yet

  friend bool operator==(const Hello&, const Hello&) = default;
};

constexpr size_t kHelloBytes = 40;
constexpr uint32_t kHelloVersion = 2;

std::string encode(const Hello& hello);
/// Errors: kInvalid, with a message for the log.
Result<Hello> decode_hello(std::string_view bytes);

}  // namespace torc::net
