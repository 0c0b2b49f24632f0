#include "server/logging.h"

#include <signal.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "host/line_writer.h"

namespace torc::server {
namespace {

constexpr Duration kSummariesInterval = 1s;

/// Of the process, so that the last words of one that stops itself can still be waited for.
host::LineWriter& standard_error() {
  static host::LineWriter writer(STDERR_FILENO);
  return writer;
}

class StandardError final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    standard_error().write(std::string(line.data(), line.size()));
  }
  void flush_() override {}
};

spdlog::level::level_enum level_of(NoticeLevel level) {
  switch (level) {
    case NoticeLevel::kInfo:
      return spdlog::level::info;
    case NoticeLevel::kWarning:
      return spdlog::level::warn;
    case NoticeLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

void start_logging(NodeId node, const std::string& level) {
  ::signal(SIGPIPE, SIG_IGN);
  auto logger = std::make_shared<spdlog::logger>("torc", std::make_shared<StandardError>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e node " + std::to_string(node.value) + " %l: %v");
  logger->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(std::move(logger));
}

void finish_logging(std::chrono::milliseconds patience) { standard_error().flush(patience); }

NoticeLog::NoticeLog(host::EventLoop& loop) : loop_(loop) { look_later(); }

NoticeLog::~NoticeLog() { loop_.clock().cancel(timer_); }

void NoticeLog::write(const Notice& notice) {
  if (limit_.pass(notice, loop_.clock().now())) spdlog::log(level_of(notice.level), "{}", notice.text);
}

void NoticeLog::look_later() {
  timer_ = loop_.clock().call_at(loop_.clock().now() + kSummariesInterval, [this] {
    for (const Notice& summary : limit_.take_summaries(loop_.clock().now())) {
      spdlog::log(level_of(summary.level), "{}", summary.text);
    }
    look_later();
  });
}

}  // namespace torc::server
