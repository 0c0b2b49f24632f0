// Where a command's answer goes: a RESP connection's buffer, a session's memory, or nowhere (on followers).
#pragma once

#include <cstdint>
#include <string_view>

#include "kv/refusal.h"

namespace torc::kv {

/// One reply is exactly one call, except array() and map(), which announce how many replies follow (a map: key and
/// value alternating, so 2 * count). Views are valid only during the call. Never throws.
class ReplySink {
 public:
  virtual ~ReplySink() = default;
  virtual void ok() = 0;                           // +OK
  virtual void status(std::string_view text) = 0;  // +text
  virtual void error(std::string_view text) = 0;   // -text; begins with its code: "ERR ...", "WRONGTYPE ..."
  virtual void integer(int64_t value) = 0;
  virtual void bulk(std::string_view value) = 0;
  virtual void nil() = 0;
  virtual void array(size_t count) = 0;
  virtual void map(size_t count) = 0;
  /// Instead of an answer; never an element of an array or a map.
  virtual void refusal(Refusal refusal) = 0;
};

/// Swallows replies: a follower applies for the effect only.
class NullSink final : public ReplySink {
 public:
  void ok() override {}
  void status(std::string_view) override {}
  void error(std::string_view) override {}
  void integer(int64_t) override {}
  void bulk(std::string_view) override {}
  void nil() override {}
  void array(size_t) override {}
  void map(size_t) override {}
  void refusal(Refusal) override {}
};

}  // namespace torc::kv
