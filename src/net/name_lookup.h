// Names to addresses without holding the loop up: the system's look-up blocks, for half a minute if a name server is
// away.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "host/event_loop.h"
#include "net/socket_address.h"

namespace torc::net {

/// A thread per look-up, so that one name nobody answers for holds up no other. The callers see to it that there are
/// few at a time: the transport has two per peer at most.
class NameLookup {
 public:
  using Answer = std::function<void(Result<std::vector<SocketAddress>>)>;
  /// What a look-up does; tests put theirs here. Runs on a thread of its own, possibly after this object is gone.
  using Resolve = std::function<Result<std::vector<SocketAddress>>(const std::string&)>;

  explicit NameLookup(host::EventLoop& loop, Resolve resolve = resolve_all);
  ~NameLookup();
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  /// `answer` comes on the loop, later: never during the call, and not after this object is gone.
  void look_up(const std::string& address, Answer answer);

 private:
  struct Door;
  std::shared_ptr<Door> door_;  // to the loop; shared with the threads, shut when this object ends
  Resolve resolve_;
};

}  // namespace torc::net
