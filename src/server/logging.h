// The log of a serving process: lines on standard error that never hold the node up and never end it.
#pragma once

#include <chrono>
#include <string>

#include "base/notice.h"
#include "base/strong_id.h"
#include "host/event_loop.h"
#include "server/notice_limit.h"

namespace torc::server {

/// Makes spdlog's default logger write "<time> node <id> <level>: <line>". `level`: trace to error. Ignores SIGPIPE.
void start_logging(NodeId node, const std::string& level);
/// Waits until what was logged is written, but not for ever: before the process ends.
void finish_logging(std::chrono::milliseconds patience);

/// Writes notices, those that repeat only now and then (notice_limit.h). On the loop.
class NoticeLog {
 public:
  explicit NoticeLog(host::EventLoop& loop);
  ~NoticeLog();
  NoticeLog(const NoticeLog&) = delete;
  NoticeLog& operator=(const NoticeLog&) = delete;

  void write(const Notice& notice);

 private:
  void look_later();

  host::EventLoop& loop_;
  NoticeLimit limit_;
  env::TimerId timer_ = 0;
};

}  // namespace torc::server
