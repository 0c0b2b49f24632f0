// Holds back notices that repeat: a log that grows by a megabyte a second hides what it should show, and fills a disk.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/notice.h"
#include "base/time.h"

namespace torc::server {

class NoticeLimit {
 public:
  static constexpr Duration kWindow = 60s;
  /// Kinds told apart at a time; further ones share a window.
  static constexpr size_t kKindsMax = 256;

  /// Whether to write the notice now. What is held back is counted.
  bool pass(const Notice& notice, Instant now);
  /// For each kind whose minute is over and that held something back: the last text, with how often it repeated. Call
  /// it about once a second.
  std::vector<Notice> take_summaries(Instant now);

 private:
  struct Window {
    Instant end;
    uint32_t shown = 0;
    uint64_t held = 0;
    Notice last;
  };
  std::map<std::string, Window> windows_;  // by kind
};

}  // namespace torc::server
