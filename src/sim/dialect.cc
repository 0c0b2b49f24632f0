#include "sim/dialect.h"

#include <utility>
#include <variant>

#include "base/check.h"
#include "base/codec.h"
#include "base/crc32c.h"
#include "wire/peer_message.h"

namespace torc::sim {
namespace {

constexpr size_t kPrefixBytes = 8;  // u32 CRC of the rest, u32 header bytes (wire/peer_message.h)
// Protobuf: tag = field number << 3 | wire type. Numbers no version of ours will come to.
constexpr uint64_t kVarintTag = 19'001 << 3 | 0;
constexpr uint64_t kBytesTag = 19'002 << 3 | 2;
constexpr uint64_t kAgreementTag = 3 << 3 | 2;    // Introduction.agreement
constexpr uint64_t kMessageTag = 1'000 << 3 | 2;  // as a new alternative of Header.message

std::string unknown_fields() {
  std::string fields;
  put_varint(fields, kVarintTag);
  put_varint(fields, 42);
  put_varint(fields, kBytesTag);
  put_bytes(fields, "what a later version has to say");
  return fields;
}

std::string framed(const std::string& header, std::string_view raw) {
  std::string rest;
  put_u32(rest, static_cast<uint32_t>(header.size()));
  rest += header;
  rest += raw;
  std::string body;
  put_u32(body, crc32c(rest));
  return body + rest;
}

/// Adds fields to the header and, once more under the message's own tag, to the message inside: parsers merge the two.
std::string with_unknown_fields(const std::string& body) {
  const uint32_t header_bytes = load_u32(body.data() + 4);
  CHECK(kPrefixBytes + header_bytes <= body.size() && header_bytes > 0);
  std::string header = body.substr(kPrefixBytes, header_bytes);
  const uint64_t message_tag = Reader(header).varint();
  const std::string fields = unknown_fields();
  put_varint(header, message_tag);
  put_bytes(header, fields);
  header += fields;
  return framed(header, std::string_view(body).substr(kPrefixBytes + header_bytes));
}

std::string frame_alone(const Bytes& part) {
  std::string body;
  put_u32(body, crc32c(part.view()));
  body += part.view();
  return body;
}

/// A pack with other parts: `speak` says how a message of it, as a frame of its own, is spoken.
template <class Speak>
std::optional<std::string> packed_anew(const wire::Pack& pack, const Speak& speak) {
  std::vector<ByteChain> parts;
  for (const Bytes& part : pack.parts) {
    std::optional<std::string> spoken = speak(frame_alone(part));
    if (spoken) parts.push_back({*std::move(spoken), {}});
  }
  if (parts.empty()) return std::nullopt;
  return wire::frame_of(parts).joined();
}

bool is_about_pulls(const wire::PeerMessage& message) {
  const auto* consensus = std::get_if<consensus::Message>(&message);
  return consensus != nullptr && (std::holds_alternative<consensus::PullRequest>(consensus->body) ||
                                  std::holds_alternative<consensus::PullReply>(consensus->body));
}

}  // namespace

std::string_view to_string(Dialect dialect) {
  switch (dialect) {
    case Dialect::kPrevious:
      return "the previous version";
    case Dialect::kThis:
      return "this version";
    case Dialect::kNext:
      return "the next version";
  }
  return "?";
}

std::optional<std::string> spoken(Dialect dialect, std::string body) {
  if (dialect == Dialect::kThis) return body;
  Result<wire::PeerMessage> message = wire::decode(Bytes::copy_of(body));
  CHECK(message.ok()) << message.error().message;
  if (const auto* pack = std::get_if<wire::Pack>(&*message)) {
    body = packed_anew(*pack, [&](std::string alone) { return spoken(dialect, std::move(alone)); }).value_or("");
    if (body.empty()) return std::nullopt;
  }
  if (dialect == Dialect::kNext) return with_unknown_fields(body);
  if (is_about_pulls(*message)) return std::nullopt;
  if (auto* meet = std::get_if<wire::Meet>(&*message)) {
    meet->client_address.clear();
    meet->cluster_address.clear();
    return wire::encode(*meet).joined();
  }
  return body;
}

std::string spoken_introduction(Dialect dialect, std::string introduction) {
  if (dialect != Dialect::kNext || introduction.empty()) return introduction;
  introduction += unknown_fields();
  put_varint(introduction, kAgreementTag);  // once more the message inside: parsers merge the two
  put_bytes(introduction, unknown_fields());
  return introduction;
}

std::optional<Bytes> understood(Dialect dialect, const Bytes& body) {
  if (dialect != Dialect::kPrevious) return body;
  const Result<wire::PeerMessage> message = wire::decode(body);
  if (!message.ok() || is_about_pulls(*message)) return std::nullopt;
  const auto* pack = std::get_if<wire::Pack>(&*message);
  if (pack == nullptr) return body;
  auto rest = packed_anew(*pack, [&](std::string alone) -> std::optional<std::string> {
    const Result<wire::PeerMessage> one = wire::decode(Bytes::copy_of(alone));
    if (!one.ok() || is_about_pulls(*one)) return std::nullopt;
    return alone;
  });
  if (!rest) return std::nullopt;
  return Bytes(*std::move(rest));
}

std::string frame_of_the_future() {
  std::string header;
  put_varint(header, kMessageTag);
  put_bytes(header, unknown_fields());
  return framed(header, "and some bytes");
}

}  // namespace torc::sim
