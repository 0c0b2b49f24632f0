#include "node/admissions.h"

#include <utility>

#include "base/check.h"

namespace torc::node {
namespace {

using env::Admission;

std::string name(NodeId node) { return "node " + std::to_string(node.value); }

}  // namespace

Admission Admissions::refuse(Peer& peer, env::RefusalKind kind, std::string reason, std::string proof) {
  if (!peer.is_present()) peer.trouble = reason;
  return Admission::refused({kind, std::move(reason), std::move(proof)});
}

Admission Admissions::judge(NodeId node, std::string_view address, std::string_view bytes, Instant now) {
  constexpr auto kUnspecified = env::RefusalKind::kUnspecified;
  Peer& peer = peers_[node];
  const Result<wire::Introduction> introduction = wire::decode_introduction(bytes);
  if (!introduction.ok()) return refuse(peer, kUnspecified, name(node) + " sent " + introduction.error().message);
  const Caller caller{introduction->self, introduction->replicas, introduction->start, std::string(address)};
  if (caller.life.node != node || !caller.life.incarnation) {
    return refuse(peer, kUnspecified, name(node) + " does not say who it is");
  }
  const wire::Introduction self = sources_.own_introduction();
  const auto differs = wire::difference(self.self.node, self.agreement, node, introduction->agreement);
  if (differs) return refuse(peer, kUnspecified, *differs);
  const Admission beside = judge_beside(peer, caller, now);
  if (beside.verdict != Admission::Verdict::kWelcome) return beside;
  const Admission memory = judge_memory(peer, *introduction);
  if (memory.verdict != Admission::Verdict::kWelcome) return memory;
  peer.welcomed = caller;
  return beside;
}

/// Two processes with one --id: the one that the group counts on stays, or whoever was first; nothing flaps. Of two
/// starts of one life the later one takes over once the earlier is silent.
Admission Admissions::judge_beside(Peer& peer, const Caller& caller, Instant now) {
  if (!peer.is_present() || peer.present->is_same_process(caller)) {
    peer.waiting.reset();
    return {};
  }
  const Caller& present = *peer.present;
  const bool is_same_life = present.life == caller.life;
  if (!is_same_life && sources_.is_voter(caller.life, caller.replicas) &&
      !sources_.is_voter(present.life, present.replicas)) {
    return {.ends_earlier = true};
  }
  if (!peer.waiting || !peer.waiting->is_same_process(caller)) {
    peer.waiting = caller;
    peer.waiting_since = now;
  }
  if (is_same_life && now - peer.heard_at >= kSilentFor) return {.ends_earlier = true};
  // The news that its connection broke may be on its way.
  if (peer.heard_at < peer.waiting_since + kTwinAfter) return Admission::later();
  const wire::TwinReport report{caller.life.node,
                                "two processes call themselves " + name(caller.life.node) + ", with " +
                                    (is_same_life ? "copies of one data directory" : "different data directories") +
                                    ": the one at " + present.address + " is connected, the one at " + caller.address +
                                    " is refused; stop the one that should not run"};
  const auto known = twins_.find(report.node);
  if (known == twins_.end() || now - known->second.reported_at >= kTwinReportInterval) {
    note_twin(report, now);
    untold_twin_ = report;
  }
  return refuse(peer, env::RefusalKind::kUnspecified, report.text);
}

void Admissions::note_twin(const wire::TwinReport& report, Instant now) { twins_[report.node] = {report.text, now}; }

std::optional<wire::TwinReport> Admissions::take_twin_report() { return std::exchange(untold_twin_, {}); }

bool Admissions::has_twin(NodeId node, Instant now) const {
  const auto found = twins_.find(node);
  return found != twins_.end() && now - found->second.reported_at < kTwinReportFor;
}

std::vector<std::string> Admissions::twins(Instant now) const {
  std::vector<std::string> texts;
  for (const auto& [node, twin] : twins_) {
    if (has_twin(node, now)) texts.push_back(twin.text);
  }
  return texts;
}

/// Whether it still has everything it ever told us of (docs/decisions/0007).
Admission Admissions::judge_memory(Peer& peer, const wire::Introduction& introduction) {
  const std::string caller = name(introduction.self.node);
  const auto refuse_copy = [&](const std::string& because, std::string proof = {}) {
    return refuse(peer, env::RefusalKind::kOldCopy,
                  caller + " runs on an old copy of its data directory: " + because +
                      "; it sets the copy aside and is brought up to date by the others",
                  std::move(proof));
  };
  const bool is_new_start =
      !peer.welcomed || peer.welcomed->life != introduction.self || peer.welcomed->start != introduction.start;
  if (is_new_start && sources_.has_forgotten(introduction)) {
    return refuse_copy("its log ends before what it acknowledged to the leader");
  }
  switch (chapters_.note(introduction)) {
    case Chapters::Verdict::kNoted:
      return {};
    case Chapters::Verdict::kWriting:
      return Admission::later();
    case Chapters::Verdict::kOldCopy:
      break;
  }
  const wire::Chapter noted = chapters_.noted(introduction.self);
  return refuse_copy("it is in chapter " + std::to_string(introduction.chapter) +
                         " of its life, and does not know chapter " + std::to_string(noted.number) + ", which " +
                         name(sources_.own_introduction().self.node) + " has written down",
                     wire::encode(noted));
}

void Admissions::on_connected(NodeId node, env::Channel channel, Instant now) {
  Peer& peer = peers_[node];
  CHECK(peer.welcomed.has_value()) << "connected with " << node << " unasked";
  peer.present = peer.welcomed;
  peer.is_connected[static_cast<size_t>(channel)] = true;
  peer.heard_at = now;
  peer.waiting.reset();
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
