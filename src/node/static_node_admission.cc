// What a node says about itself, what it makes of what others say, and how it is found to run on an old copy of its
// data.
#include <algorithm>
#include <utility>

#include "node/static_node.h"

namespace torc::node {
namespace {

constexpr Duration kChapterRetry = 1s;  // after a full disk refused one

}  // namespace

std::optional<std::string> StaticNode::introduction() {
  // The chapter that begins with this start is on disk before anything is said.
  if (is_dead_ || chapters_->durable().own < start_chapter_) return std::nullopt;
  return wire::encode(own_introduction());
}

env::Admission StaticNode::admit(NodeId peer, std::string_view address, std::string_view introduction) {
  const env::Admission admission = admissions_.judge(peer, address, introduction, clock_.now());
  if (auto report = admissions_.take_twin_report()) {
    if (report->text.size() > wire::kReportBytesMax) report->text.resize(wire::kReportBytesMax);
    for (const auto& [node, known] : peers_) links_.send(node, env::Channel::kControl, *report);
    on_twin_report(*std::move(report));
  }
  return admission;
}

void StaticNode::on_twin_report(wire::TwinReport report) {
  if (!std::ranges::binary_search(options_.initial_cluster, report.node)) return;
  for (char& c : report.text) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';  // it becomes one line of a log
  }
  admissions_.note_twin(report, clock_.now());
  tell({NoticeLevel::kWarning, report.text, "twins", 1});
}

wire::Introduction StaticNode::own_introduction() const {
  const Identity& identity = birth_.identity();
  wire::Introduction introduction;
  introduction.self = identity.self();
  wire::Agreement& agreement = introduction.agreement;
  // What an unborn node has written down may still turn out to be different from what the others have: birth.cc tells.
  if (identity.is_born) agreement.cluster = cluster_id_of(identity.roster);
  agreement.listed = identity.listed;
  agreement.arcs = identity.arcs;
  agreement.election_timeout_min = options_.election_timeout_min;
  agreement.lease_drift_percent = static_cast<uint32_t>(consensus::ReplicaOptions().lease_drift_percent);
  introduction.start = start_chapter_;
  introduction.chapter = chapters_->durable().own;
  introduction.nonces = chapters_->durable().nonces;
  introduction.replicas = held_replicas();
  for (const auto& group : groups_) {
    introduction.ends.push_back({group->group().term(), group->group().durable_index()});
  }
  return introduction;
}

bool StaticNode::is_voter(LifeId life, const wire::HeldReplicas& replicas) const {
  if (!is_born()) return std::ranges::binary_search(birth_.identity().roster, life);
  for (uint32_t arc = 0; arc < router_.arc_count(); ++arc) {
    consensus::ReplicaId replica{life.node, replicas.of(arc)};
    if (!replica.number) replica = first_replica_of(life);  // it has not said anything of groups yet
    if (hosted(arc).group().configuration().is_voter(replica)) return true;
  }
  return false;
}

/// None before the groups are there.
wire::HeldReplicas StaticNode::held_replicas() const {
  return is_born() ? replica_numbers_.held() : wire::HeldReplicas();
}

bool StaticNode::has_forgotten(const wire::Introduction& introduction) const {
  const size_t known = std::min(groups_.size(), introduction.ends.size());
  for (size_t arc = 0; arc < known; ++arc) {
    const wire::LogEnd& end = introduction.ends[arc];
    const consensus::ReplicaId replica{introduction.self.node, introduction.replicas.of(arc)};
    if (groups_[arc]->group().has_forgotten(replica, end.term, end.durable_index)) return true;
  }
  return false;
}

void StaticNode::on_refused(NodeId peer, const env::Refusal& refusal) {
  admissions_.on_refused(peer, refusal);
  if (refusal.kind != env::RefusalKind::kOldCopy) return;
  // News of a chapter by one connection may overtake an introduction of the time before on the other.
  const std::optional<wire::Chapter> lacked = wire::decode_chapter(refusal.proof);
  if (lacked && chapters_->is_own(*lacked)) return;
  // From here on as a node that lost its disk: whoever owns the process gives the data up (docs/decisions/0006, 0007).
  on_fatal({ErrorCode::kCorrupt, refusal.reason});
}

// ---- chapters ----

void StaticNode::begin_chapter() {
  chapters_->begin(chapter_prng_.next());
  chapters_looked_at_ = clock_.now();
  chapter_log_ends_ = log_ends();
}

void StaticNode::maintain_chapters() {
  const uint64_t own = chapters_->durable().own;
  if (own != chapter_told_ && own >= start_chapter_) {
    chapter_told_ = own;
    for (const auto& [node, peer] : peers_) greet(node);
  }
  const Instant now = clock_.now();
  if (!chapters_->is_settled()) {
    if (now - chapters_looked_at_ < kChapterRetry) return;
    chapters_looked_at_ = now;
    return chapters_->retry();
  }
  if (now - chapters_looked_at_ < options_.chapter_interval) return;
  chapters_looked_at_ = now;
  if (log_ends() > chapter_log_ends_) begin_chapter();
}

/// Of all groups together: grows as long as anything does.
uint64_t StaticNode::log_ends() const {
  uint64_t sum = 0;
  for (const auto& group : groups_) sum += group->group().last_index().value;
  return sum;
}

/// What is written down here, this node's own latest chapter included.
std::vector<wire::NotedChapter> StaticNode::known_chapters() const {
  const ChapterBook& book = chapters_->durable();
  std::vector<wire::NotedChapter> known = book.noted;
  if (known.size() == wire::kNotedChaptersMax) known.erase(known.begin());
  if (!book.nonces.empty()) known.push_back({birth_.identity().self(), {book.own, book.nonces.back()}});
  return known;
}

/// False if the greeting proves that this node runs on an old copy of its data: somebody was told of a chapter of its
/// life that it does not know.
bool StaticNode::note_chapters(const wire::Meet& meet) {
  std::vector<wire::NotedChapter> told = meet.chapters;
  const auto of_self = [&](const wire::NotedChapter& one) { return one.life == birth_.identity().self(); };
  const auto own = std::ranges::find_if(told, of_self);
  if (own != told.end() && !chapters_->is_own(own->chapter)) {
    on_fatal({ErrorCode::kCorrupt, "this data directory is an old copy: node " + std::to_string(meet.node.value) +
                                       " knows of chapter " + std::to_string(own->chapter.number) +
                                       " of this node's life, the directory does not"});
    return false;
  }
  std::erase_if(told, of_self);
  chapters_->note(told);
  return true;
}

}  // namespace torc::node
