// What happened, for the person who reads the log: a value that node and network code hand out, and whoever owns the
// process writes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace torc {

enum class NoticeLevel : uint8_t { kInfo, kWarning, kError };

struct Notice {
  NoticeLevel level = NoticeLevel::kInfo;
  std::string text;
  /// Notices of one kind are held back when there are more than `per_minute_max` in a minute, and counted instead.
  std::string kind;
  uint32_t per_minute_max = 20;
};

using NoticeSink = std::function<void(const Notice&)>;

}  // namespace torc
