#include "node/admissions.h"

#include <utility>

#include "base/check.h"

namespace torc::node {
namespace {

std::string name(NodeId node) { return "node " + std::to_string(node.value); }

}  // namespace

env::Admission Admissions::refuse(Peer& peer, std::string reason) {
  if (!peer.is_present()) peer.trouble = reason;
  return env::Admission::refused({env::RefusalKind::kUnspecified, std::move(reason)});
}

env::Admission Admissions::judge(NodeId node, std::string_view address, std::string_view bytes) {
  Peer& peer = peers_[node];
  const Result<wire::Introduction> introduction = wire::decode_introduction(bytes);
  if (!introduction.ok()) return refuse(peer, name(node) + " sent " + introduction.error().message);
  const Caller caller{introduction->self, std::string(address)};
  if (caller.id.node != node || !caller.id.incarnation) return refuse(peer, name(node) + " does not say who it is");
  const wire::Introduction self = sources_.self();
  const auto differs = wire::difference(self.self.node, self.agreement, node, introduction->agreement);
  if (differs) return refuse(peer, *differs);
  const env::Admission admission = judge_beside(peer, caller);
  if (admission.verdict == env::Admission::Verdict::kWelcome) peer.welcomed = caller;
  return admission;
}

/// Two processes with one --id: the one that the group counts on stays, or whoever was first; nothing flaps.
env::Admission Admissions::judge_beside(Peer& peer, const Caller& caller) {
  if (!peer.is_present() || peer.present->id == caller.id) return {};
  const Caller& present = *peer.present;
  const bool is_rightful = sources_.is_voter(caller.id) && !sources_.is_voter(present.id);
  if (is_rightful) return {.ends_earlier = true};
  return refuse(peer, "two processes call themselves " + name(caller.id.node) +
                          ", with different data directories: the one at " + present.address +
                          " is connected, the one at " + caller.address +
                          " is refused; stop one of them (if the first is gone already, this ends within seconds)");
}

void Admissions::on_connected(NodeId node, env::Channel channel) {
  Peer& peer = peers_[node];
  CHECK(peer.welcomed.has_value()) << "connected with " << node << " unasked";
  peer.present = peer.welcomed;
  peer.is_connected[static_cast<size_t>(channel)] = true;
  peer.trouble.clear();
}

void Admissions::on_disconnected(NodeId node, env::Channel channel) {
  peers_[node].is_connected[static_cast<size_t>(channel)] = false;
}

const std::string& Admissions::trouble(NodeId node) const {
  static const std::string kNone;
  const auto found = peers_.find(node);
  return found == peers_.end() ? kNone : found->second.trouble;
}

}  // namespace torc::node
