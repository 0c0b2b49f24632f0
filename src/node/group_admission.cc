// What a leader takes in: everything that could make an entry, the memory or a turn too large is refused here, before
// it is proposed. Nothing is refused when it is applied: replicas would differ (rules.md#refuse-at-admission).
#include <algorithm>

#include "node/group.h"
#include "storage/record_format.h"
#include "wire/peer_message.h"

namespace torc::node {
namespace {

// Entry: a batch is one operation, or closed before batch_bytes_max (Proposals).
static_assert(kv::kBatchBytesMax <= consensus::kEntryPayloadBytesMax);
// Frame between nodes: entries are collected until one reaches append_bytes_max (LogView::collect), so that the last
// one may begin just before it.
static_assert(consensus::ReplicaOptions{}.append_bytes_max + consensus::kEntryBytesMax + wire::kHeaderBytesMax <=
              wire::kFrameBytesMax);

}  // namespace

void Group::write(const Request& request) {
  const kv::Cost cost = state().cost_of(request.command, growth_before());
  std::optional<kv::Refusal> refusal = reason_to_refuse(request.command);
  if (refusal && request.label && !request.label->is_first_send) {
    // What is there already under this label decides: behind it this one executes nothing and gets the answer.
    if (applier_.applied() < led_from_ || applier_.is_within_entry()) {
      refusal = kv::Refusal::kSendSameCallAgain;
    } else if (proposals_.is_undecided(*request.label) || !state().would_execute(*request.label)) {
      refusal.reset();
    }
  }
  if (refusal) {
    // Whoever holds the label is told why, and decides: it knows whether it sent the call before.
    const Retry retry = request.retry == Retry::kSameLabel ? Retry::kNone : request.retry;
    return refuse({request.waiter, retry}, *refusal);
  }
  proposals_.add(request, cost);
}

std::optional<kv::Refusal> Group::reason_to_refuse(const kv::CommandView& command) const {
  if (log_.disk_full()) return kv::Refusal::kDiskFull;
  if (disk_watch_.is_majority_full()) return kv::Refusal::kDisksFull;
  if (log_.disk_progress().bytes_unsynced > options_.unsynced_bytes_max) return kv::Refusal::kDiskSlow;
  if (!kv::is_within_limits(command)) return kv::Refusal::kCommandTooLarge;
  const kv::CommandTraits* traits = kv::traits_of(command.id);
  if (options_.memory_max != 0 && traits != nullptr && traits->grows &&
      memory_used() + memory_elsewhere_ > options_.memory_max) {
    return kv::Refusal::kOutOfMemory;
  }
  return std::nullopt;
}

size_t Group::expected_reply_bytes(const kv::CommandView& command) const {
  if (!kv::answers_with_old_value(command)) return 0;
  return std::min(state().cost_of(command, growth_before()).work, kv::kReplyBytesMax);
}

/// What may still make values longer before a command that comes now is applied. Entries of earlier leaders are not
/// known here, and of one that is applied in part it is not known how much is left of it: until they are applied every
/// value may be as long as one can be.
size_t Group::growth_before() const {
  const bool is_known = applier_.applied() >= led_from_ && !applier_.is_within_entry();
  return is_known ? proposals_.cost_undecided().growth : kv::kValueBytesMax;
}

uint64_t Group::memory_used() const {
  return state().bytes_used() + proposals_.cost_undecided().memory + undurable_bytes_;
}

}  // namespace torc::node
