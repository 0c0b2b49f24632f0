#include "node/identity.h"

#include "base/codec.h"
#include "base/crc32c.h"
#include "base/version.h"
#include "node/router.h"

namespace torc::node {
namespace {

constexpr std::string_view kIdentityFile = "identity";
constexpr std::string_view kIdentityMagic = "TORCIDN2";  // the last character is the version

}  // namespace

std::string encode_identity(const Identity& identity) {
  std::string rest;
  put_u64(rest, identity.node.value);
  put_u64(rest, identity.incarnation.value);
  put_u8(rest, identity.is_born ? 1 : 0);
  put_varint(rest, identity.arcs);
  put_varint(rest, identity.listed.size());
  for (const NodeId node : identity.listed) put_u64(rest, node.value);
  put_varint(rest, identity.roster.size());
  for (const LifeId member : identity.roster) {
    put_u64(rest, member.node.value);
    put_u64(rest, member.incarnation.value);
  }
  std::string bytes(kIdentityMagic);
  put_u32(bytes, crc32c(rest));
  return bytes + rest;
}

Result<Identity> decode_identity(std::string_view bytes) {
  const Error damaged{ErrorCode::kCorrupt, "the file 'identity' of the data directory is damaged"};
  Reader reader(bytes);
  const std::string_view magic = reader.take(kIdentityMagic.size());
  const uint32_t crc = reader.u32();
  if (!reader.ok()) return damaged;
  if (magic != kIdentityMagic) {
    // Later versions keep the letters, and their checksum covers these, too: a flipped bit is no later version.
    const bool is_vouched_for = crc32c(reader.rest(), crc32c(magic)) == crc;
    if (!is_vouched_for || !magic.starts_with(kIdentityMagic.substr(0, kIdentityMagic.size() - 1))) return damaged;
    return unknown_version("the file 'identity'", static_cast<uint64_t>(magic.back() - '0'),
                           static_cast<uint64_t>(kIdentityMagic.back() - '0'));
  }
  if (crc32c(reader.rest()) != crc) return damaged;
  Identity identity;
  identity.node = NodeId(reader.u64());
  identity.incarnation = Incarnation(reader.u64());
  identity.is_born = reader.u8() != 0;
  const uint64_t arcs = reader.varint();
  if (!is_arc_count(arcs)) return damaged;
  identity.arcs = static_cast<uint32_t>(arcs);
  for (uint64_t left = reader.varint(); left > 0 && reader.ok(); --left) identity.listed.emplace_back(reader.u64());
  for (uint64_t left = reader.varint(); left > 0 && reader.ok(); --left) {
    const NodeId node(reader.u64());
    identity.roster.push_back({node, Incarnation(reader.u64())});
  }
  if (!reader.at_end()) return damaged;
  return identity;
}

Result<std::optional<Identity>> load_identity(env::Disk& disk) {
  Result<std::string> bytes = disk.read_all(std::string(kIdentityFile));
  if (!bytes.ok()) {
    if (bytes.error().code == ErrorCode::kNotFound) return std::optional<Identity>();
    return bytes.error();
  }
  Result<Identity> identity = decode_identity(*bytes);
  if (!identity.ok()) return identity.error();
  return std::optional<Identity>(*std::move(identity));
}

Status save_identity(env::Disk& disk, const Identity& identity) {
  return disk.replace(std::string(kIdentityFile), encode_identity(identity));
}

consensus::ReplicaId first_replica_of(LifeId life) { return {life.node, ReplicaNumber(life.incarnation.value)}; }

ClusterId cluster_id_of(const std::vector<LifeId>& roster) {
  if (roster.empty()) return ClusterId();
  std::string bytes;
  for (const LifeId member : roster) {
    put_u64(bytes, member.node.value);
    put_u64(bytes, member.incarnation.value);
  }
  return ClusterId(static_cast<uint64_t>(crc32c(bytes)) << 32 | crc32c(bytes, 0x70726f74));
}

}  // namespace torc::node
