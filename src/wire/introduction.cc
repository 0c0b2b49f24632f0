#include "wire/introduction.h"

#include <chrono>
#include <cstdio>
#include <utility>

#include "base/check.h"
#include "base/codec.h"
#include "wire/peer.pb.h"
#include "wire/peer_consensus.h"
#include "wire/peer_message.h"

namespace torc::wire {
namespace {

std::string name(NodeId node) { return "node " + std::to_string(node.value); }

std::string hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

std::string joined(const std::vector<NodeId>& nodes) {
  std::string text;
  for (const NodeId node : nodes) text += (text.empty() ? "" : ", ") + std::to_string(node.value);
  return text;
}

std::string milliseconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

}  // namespace

std::optional<std::string> difference(NodeId one, const Agreement& of_one, NodeId other, const Agreement& of_other) {
  if (other < one) return difference(other, of_other, one, of_one);
  const auto differ = [&](const std::string& what, const std::string& one_has, const std::string& other_has,
                          const std::string& so) {
    return name(one) + what + one_has + ", " + name(other) + " " + other_has + ": " + so;
  };
  if (of_one.cluster && of_other.cluster && of_one.cluster != of_other.cluster) {
    return differ(" belongs to cluster ", hex(of_one.cluster.value), "to " + hex(of_other.cluster.value),
                  "their data directories are of different clusters");
  }
  if (of_one.listed != of_other.listed) {
    return differ(" was started with an --initial-cluster of nodes ", joined(of_one.listed),
                  "with one of nodes " + joined(of_other.listed), "it must be the same at every node");
  }
  if (of_one.arcs != of_other.arcs) {
    return differ(" was started with --arcs ", std::to_string(of_one.arcs), "with " + std::to_string(of_other.arcs),
                  "it must be the same at every node");
  }
  if (of_one.election_timeout_min != of_other.election_timeout_min) {
    return differ(" runs with --election-timeout-ms ", milliseconds(of_one.election_timeout_min),
                  "with " + milliseconds(of_other.election_timeout_min),
                  "the lease of one could outlast the patience of the other, and reads be stale; start all nodes with "
                  "the same value");
  }
  if (of_one.lease_drift_percent != of_other.lease_drift_percent) {
    return differ(" allows for clocks that differ by ", std::to_string(of_one.lease_drift_percent) + " %",
                  "by " + std::to_string(of_other.lease_drift_percent) + " %", "leases must be cut alike");
  }
  if (of_one.format_newest < of_other.format_oldest || of_other.format_newest < of_one.format_oldest) {
    const auto range = [](const Agreement& of) {
      return std::to_string(of.format_oldest) + " to " + std::to_string(of.format_newest);
    };
    return differ(" reads formats ", range(of_one), range(of_other),
                  "their versions are too far apart to work together");
  }
  return std::nullopt;
}

std::string encode(const Chapter& chapter) {
  std::string bytes;
  put_u64(bytes, chapter.number);
  put_u64(bytes, chapter.nonce);
  return bytes;
}

std::optional<Chapter> decode_chapter(std::string_view bytes) {
  Reader reader(bytes);
  Chapter chapter;
  chapter.number = reader.u64();
  chapter.nonce = reader.u64();
  if (!reader.at_end()) return std::nullopt;
  return chapter;
}

std::string encode(const Introduction& introduction) {
  CHECK(introduction.agreement.listed.size() <= kMeetNodesMax) << "an Introduction with too many nodes";
  const Agreement& agreement = introduction.agreement;
  pb::Introduction out;
  out.set_node(introduction.self.node.value);
  out.set_incarnation(introduction.self.incarnation.value);
  pb::Agreement& terms = *out.mutable_agreement();
  terms.set_cluster(agreement.cluster.value);
  for (const NodeId node : agreement.listed) terms.add_listed(node.value);
  terms.set_arcs(agreement.arcs);
  terms.set_election_timeout_us(static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(agreement.election_timeout_min).count()));
  terms.set_lease_drift_percent(agreement.lease_drift_percent);
  terms.set_format_oldest(agreement.format_oldest);
  terms.set_format_newest(agreement.format_newest);
  CHECK(introduction.nonces.size() <= kChapterNoncesMax && introduction.nonces.size() <= introduction.chapter);
  out.set_start(introduction.start);
  out.set_chapter(introduction.chapter);
  for (const uint64_t nonce : introduction.nonces) out.add_chapter_nonces(nonce);
  CHECK(introduction.ends.size() <= kReplicasMax) << introduction.ends.size();
  for (const LogEnd& end : introduction.ends) {
    out.add_terms(end.term.value);
    out.add_durable_indexes(end.durable_index.value);
  }
  CHECK(introduction.replicas.numbers.size() <= kReplicasMax) << introduction.replicas.numbers.size();
  for (const ReplicaNumber number : introduction.replicas.numbers) out.add_replicas(number.value);
  std::string bytes;
  out.AppendToString(&bytes);
  CHECK(bytes.size() <= kIntroductionBytesMax) << bytes.size();
  return bytes;
}

Result<Introduction> decode_introduction(std::string_view bytes) {
  const auto invalid = [](const char* what) {
    return Error{ErrorCode::kInvalid, std::string("an introduction that cannot be read: ") + what};
  };
  if (bytes.size() > kIntroductionBytesMax) return invalid("too long");
  pb::Introduction in;
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return invalid("malformed");
  if (in.agreement().listed_size() > static_cast<int>(kMeetNodesMax)) return invalid("too many nodes");
  constexpr uint64_t kTimeoutUsMax = uint64_t{1} << 40;  // twelve days; keeps the arithmetic in range
  if (in.agreement().election_timeout_us() > kTimeoutUsMax) return invalid("its election timeout");
  Introduction introduction;
  introduction.self = {NodeId(in.node()), Incarnation(in.incarnation())};
  Agreement& agreement = introduction.agreement;
  agreement.cluster = ClusterId(in.agreement().cluster());
  for (const uint64_t node : in.agreement().listed()) agreement.listed.emplace_back(node);
  agreement.arcs = in.agreement().arcs();
  agreement.election_timeout_min = std::chrono::microseconds(in.agreement().election_timeout_us());
  agreement.lease_drift_percent = in.agreement().lease_drift_percent();
  agreement.format_oldest = in.agreement().format_oldest();
  agreement.format_newest = in.agreement().format_newest();
  const auto nonce_count = static_cast<uint64_t>(in.chapter_nonces_size());
  if (nonce_count > kChapterNoncesMax || nonce_count > in.chapter()) return invalid("its chapters");
  introduction.start = in.start();
  introduction.chapter = in.chapter();
  introduction.nonces.assign(in.chapter_nonces().begin(), in.chapter_nonces().end());
  if (in.terms_size() > static_cast<int>(kReplicasMax)) return invalid("its groups");
  if (in.terms_size() != in.durable_indexes_size()) return invalid("the ends of its logs");
  for (int i = 0; i < in.terms_size(); ++i) {
    introduction.ends.push_back({Term(in.terms(i)), LogIndex(in.durable_indexes(i))});
  }
  if (in.replicas_size() > static_cast<int>(kReplicasMax)) return invalid("its replicas");
  for (const uint64_t number : in.replicas()) introduction.replicas.numbers.emplace_back(number);
  return introduction;
}

}  // namespace torc::wire
