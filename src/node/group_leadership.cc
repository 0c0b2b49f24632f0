// What a group's replica does when leadership comes or goes, and how it gives leadership away.
#include <algorithm>
#include <functional>

#include "node/group.h"
#include "node/role_notice.h"

namespace torc::node {

void Group::notice_leadership() {
  const consensus::ReplicaStatus status = replica_->status(clock_.now());
  if (const auto change = describe_change(told_, status)) {
    output_.notices.push_back({NoticeLevel::kInfo, *change, "role"});
  }
  told_ = status;
  const bool is_now = status.role == consensus::Role::kLeader;
  if (is_now == was_leader_) return;
  was_leader_ = is_now;
  proposals_.reset_window();
  handing_over_until_ = Instant{};
  if (is_now) {
    led_from_ = status.last_index;
    if (output_.leadership == Leadership::kSame) output_.leadership = Leadership::kWon;
    return;
  }
  output_.leadership = Leadership::kLost;
  turn_out_unproposed();
  for (KeptRequest& read : reads_.take_gathering()) output_.homeless.push_back(std::move(read));
}

void Group::turn_out_unproposed() {
  for (const Proposals::Batch& batch : proposals_.take_unproposed()) {
    kv::BatchReader reader(std::string_view(batch.buffer).substr(consensus::kEntryHeaderBytes));
    kv::Operation operation;
    for (size_t position = 0; reader.next(operation); ++position) {
      const WriteWaiter& writer = batch.waiters[position];
      if (!clients_.is_open(writer.waiter.client)) {
        clients_.end(writer.waiter);
        continue;
      }
      const kv::CommandView command{operation.id, operation.args};
      const bool is_write = operation.call || is_write_command(command);
      output_.homeless.emplace_back(
          Request{writer.waiter, options_.replica.group, command, is_write, operation.call, writer.retry, {}});
    }
  }
}

void Group::hand_over() {
  const Instant now = clock_.now();
  if (!was_leader_ || now < handing_over_until_) return;
  std::vector<consensus::PeerStatus> targets = replica_->peers();
  std::erase_if(targets, [&](const consensus::PeerStatus& peer) {
    return !replica_->configuration().is_incoming_voter(peer.id) || !surroundings_.is_reachable(peer.id.node);
  });
  // Another one than at the last attempt, if several are as good.
  const auto is_tried = [&](const consensus::PeerStatus& peer) { return peer.id <= handed_to_; };
  std::stable_partition(targets.begin(), targets.end(), std::not_fn(is_tried));
  const auto best = std::ranges::max_element(targets, {}, [&](const consensus::PeerStatus& peer) {
    return std::pair(!disk_watch_.is_full(peer.id.node, now), peer.match_index);
  });
  if (best != targets.end()) transfer(best->id, now);
}

void Group::hand_over_to(NodeId target) {
  const Instant now = clock_.now();
  if (!was_leader_ || now < handing_over_until_ || !surroundings_.is_reachable(target)) return;
  for (const consensus::ReplicaId voter : replica_->configuration().voters) {
    if (voter.node == target && voter != options_.replica.self) return transfer(voter, now);
  }
}

void Group::transfer(consensus::ReplicaId target, Instant now) {
  replica_->transfer_leadership(target, now);
  handed_to_ = target;
  handing_over_until_ = now + options_.replica.election_timeout_min + options_.replica.heartbeat_interval;
}

}  // namespace torc::node
