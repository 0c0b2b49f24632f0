#include "consensus/types.h"

#include <algorithm>

#include "base/codec.h"
#include "base/version.h"

namespace torc::consensus {
namespace {

constexpr uint8_t kConfigurationVersion = 1;
constexpr size_t kEncodedReplicaIdBytes = 16;

bool contains_sorted(const std::vector<ReplicaId>& ids, ReplicaId id) {
  return std::binary_search(ids.begin(), ids.end(), id);
}

bool is_strictly_sorted(const std::vector<ReplicaId>& ids) {
  return std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>()) == ids.end();
}

void put_ids(std::string& out, const std::vector<ReplicaId>& ids) {
  put_varint(out, ids.size());
  for (const ReplicaId id : ids) {
    put_u64(out, id.node.value);
    put_u64(out, id.number.value);
  }
}

bool read_ids(Reader& reader, std::vector<ReplicaId>& ids) {
  const uint64_t count = reader.varint();
  if (!reader.ok() || count > kConfigurationMembersMax || count * kEncodedReplicaIdBytes > reader.rest().size()) {
    return false;
  }
  ids.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    const NodeId node(reader.u64());
    ids.push_back(ReplicaId{node, ReplicaNumber(reader.u64())});
    if (!ids.back()) return false;
  }
  return is_strictly_sorted(ids);
}

}  // namespace

bool Configuration::is_voter(ReplicaId id) const {
  return contains_sorted(voters, id) || contains_sorted(outgoing, id);
}

bool Configuration::is_incoming_voter(ReplicaId id) const { return contains_sorted(voters, id); }

bool Configuration::contains(ReplicaId id) const { return is_voter(id) || contains_sorted(learners, id); }

std::vector<ReplicaId> Configuration::members() const {
  std::vector<ReplicaId> all = voters;
  all.insert(all.end(), outgoing.begin(), outgoing.end());
  all.insert(all.end(), learners.begin(), learners.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::string encode_configuration(const Configuration& configuration) {
  std::string out;
  put_u8(out, kConfigurationVersion);
  put_ids(out, configuration.voters);
  put_ids(out, configuration.outgoing);
  put_ids(out, configuration.learners);
  return out;
}

Result<Configuration> decode_configuration(std::string_view bytes) {
  Reader reader(bytes);
  const uint8_t version = reader.u8();
  if (!reader.ok()) return Error{ErrorCode::kInvalid, "configuration: empty"};
  if (version != kConfigurationVersion) return unknown_version("the configuration", version, kConfigurationVersion);
  Configuration configuration;
  if (!read_ids(reader, configuration.voters) || !read_ids(reader, configuration.outgoing) ||
      !read_ids(reader, configuration.learners) || !reader.at_end()) {
    return Error{ErrorCode::kInvalid, "configuration: malformed list of members"};
  }
  if (configuration.voters.empty()) return Error{ErrorCode::kInvalid, "configuration: no voters"};
  for (const ReplicaId id : configuration.learners) {
    if (contains_sorted(configuration.voters, id)) {
      return Error{ErrorCode::kInvalid, "configuration: a learner that is also a voter"};
    }
  }
  if (configuration.members().size() > kConfigurationMembersMax) {
    return Error{ErrorCode::kInvalid, "configuration: too many members"};
  }
  return configuration;
}

std::string_view to_string(Role role) {
  switch (role) {
    case Role::kFollower:
      return "follower";
    case Role::kPreCandidate:
      return "pre-candidate";
    case Role::kCandidate:
      return "candidate";
    case Role::kLeader:
      return "leader";
  }
  return "unknown";
}

}  // namespace torc::consensus
