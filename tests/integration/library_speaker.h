// A client of the workload that speaks through the client library, and so tests what it promises: every write at most
// once, whatever happens to nodes and connections between its attempts.
#pragma once

#include <vector>

#include "client/client.h"
#include "recorded_workload.h"

namespace torc::integration {

class LibrarySpeaker : public Speaker {
 public:
  LibrarySpeaker(const std::vector<Address>& nodes, size_t first_node);
  check::Outcome execute(const check::Operation& operation) override;

 private:
  client::Client client_;
};

}  // namespace torc::integration
