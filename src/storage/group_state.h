// What the log knows about a group besides its entries.
#pragma once

#include "base/strong_id.h"
#include "consensus/types.h"

namespace torc::storage {

struct GroupState {
  consensus::HardState hard_state;
  LogIndex start_index;  // entries up to here were cut
  Term start_term;
  LogIndex last_index;    // start_index if there is no entry
  ReplicaNumber replica;  // none: nobody said whose log this is

  friend bool operator==(const GroupState&, const GroupState&) = default;
};

}  // namespace torc::storage
