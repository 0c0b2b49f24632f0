#include "server/notice_limit.h"

namespace torc::server {
namespace {

constexpr const char* kOtherKinds = "other";

}  // namespace

bool NoticeLimit::pass(const Notice& notice, Instant now) {
  const bool is_known = windows_.contains(notice.kind);
  Window& window = windows_[is_known || windows_.size() < kKindsMax ? notice.kind : kOtherKinds];
  if (window.shown == 0 && window.held == 0) window.end = now + kWindow;
  if (window.shown < notice.per_minute_max) {
    ++window.shown;
    return true;
  }
  ++window.held;
  window.last = notice;
  return false;
}

std::vector<Notice> NoticeLimit::take_summaries(Instant now) {
  std::vector<Notice> summaries;
  for (auto at = windows_.begin(); at != windows_.end();) {
    Window& window = at->second;
    if (now < window.end) {
      ++at;
    } else if (window.held == 0) {
      at = windows_.erase(at);
    } else {
      window.last.text += " (repeated " + std::to_string(window.held) + " times)";
      summaries.push_back(window.last);
      // While it goes on the summary is this minute's line.
      window = Window{now + kWindow, window.last.per_minute_max, 0, {}};
      ++at;
    }
  }
  return summaries;
}

}  // namespace torc::server
