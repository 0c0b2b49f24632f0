// One command on its way through this node: who waits for it, and under which label it may be sent again.
#pragma once

#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "kv/batch.h"
#include "kv/command.h"
#include "node/service.h"

namespace torc::node {

/// Who waits for an answer. No client: nobody does.
struct Waiter {
  ClientId client;
  Ticket ticket = 0;
};

/// What may be told to a waiter whose write was refused or lost here.
enum class Retry : uint8_t {
  kNone,       // a plain command, proposed here at most once: lost means it was not executed
  kSameLabel,  // the waiter holds the label: it sends the same call again, here or elsewhere
  kUnknown,    // sent before under a label its client does not know of: it may have been executed whatever happens here
};

/// Stands for all groups of the node together.
inline constexpr GroupId kEveryGroup{};

/// The views are valid during the call that it is given to.
struct Request {
  Waiter waiter = {};
  GroupId group = kEveryGroup;  // among whose commands of its client it has its place
  kv::CommandView command = {};
  bool is_write = false;                      // goes through the log: by itself, or for its label
  std::optional<kv::SessionCall> label = {};  // the label belongs to the command, wherever it goes
  Retry retry = Retry::kNone;                 // of a write: who knows of the label
  Instant deadline = {};                      // whoever has taken it answers by then, one way or the other

  const kv::SessionCall* call() const { return label ? &*label : nullptr; }
};

/// Whether the command goes through the log without a label. Internal operations, which have no row, do.
inline bool is_write_command(const kv::CommandView& command) {
  const kv::CommandTraits* traits = kv::traits_of(command.id);
  return traits == nullptr || traits->is_write;
}

/// What a command that waits costs, its copy and what stands beside it wherever it waits. Arguments of one byte cost
/// sixteen more for their view.
inline size_t footprint(const kv::CommandView& command) {
  constexpr size_t kOverheadBytes = 128;
  size_t bytes = kOverheadBytes + command.args.size() * sizeof(std::string_view);
  for (const std::string_view arg : command.args) bytes += arg.size();
  return bytes;
}

/// A request that outlives the buffer it was parsed from: owns one copy of the arguments' bytes. Moving keeps the views
/// valid.
class KeptRequest {
 public:
  explicit KeptRequest(const Request& request) : request_(request) {
    size_t total = 0;
    for (const std::string_view arg : request.command.args) total += arg.size();
    storage_ = std::make_unique_for_overwrite<char[]>(total);
    args_.reserve(request.command.args.size());
    char* end = storage_.get();
    for (const std::string_view arg : request.command.args) {
      if (!arg.empty()) std::memcpy(end, arg.data(), arg.size());
      args_.emplace_back(end, arg.size());
      end += arg.size();
    }
    request_.command.args = args_;
  }
  KeptRequest(KeptRequest&&) = default;
  KeptRequest& operator=(KeptRequest&&) = default;

  const Request& request() const { return request_; }
  const Request* operator->() const { return &request_; }
  size_t bytes() const { return footprint(request_.command); }
  /// Of a request that is answered and kept for its place.
  void drop_arguments() {
    request_.command.args = {};
    args_ = {};
    storage_.reset();
  }

 private:
  Request request_;
  std::unique_ptr<char[]> storage_;
  std::vector<std::string_view> args_;
};

}  // namespace torc::node
