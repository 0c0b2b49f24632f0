// The other side of a pull: telling whoever asks what this replica's log holds.
#pragma once

#include <vector>

#include "consensus/entry_loads.h"
#include "consensus/log_view.h"
#include "consensus/message.h"
#include "consensus/outbox.h"
#include "consensus/replica.h"

namespace torc::consensus {

class PullSource {
 public:
  /// All of them outlive this object.
  PullSource(const ReplicaOptions& options, const LogView& log, Outbox& outbox, EntryLoads& loads)
      : options_(options), log_(log), outbox_(outbox), loads_(loads) {}

  /// `term`: the current one. Entries that are no longer held are asked for first; the answer leaves when they are
  /// there.
  void on_request(ReplicaId from, const PullRequest& request, Term term);
  /// Entries that had to be read back, from `first` on, are there (none: they could not be read, and who wants them
  /// will ask again).
  void entries_loaded(ReplicaId peer, LogIndex first, std::vector<Entry> entries, Term term);

 private:
  PullReply reply_about(LogIndex prev, Term term) const;

  const ReplicaOptions& options_;
  const LogView& log_;
  Outbox& outbox_;
  EntryLoads& loads_;
};

}  // namespace torc::consensus
