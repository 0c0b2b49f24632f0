#include "net/peer_acceptor.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "base/check.h"

namespace torc::net {
namespace {

/// Fewer than kCallersMax: whoever was accepted has at least one turn to say who it is before it may be the oldest.
constexpr int kAcceptsPerTurn = 16;
static_assert(kAcceptsPerTurn < static_cast<int>(PeerAcceptor::kCallersMax));
/// After running out of descriptors; the listener would be ready all the time.
constexpr Duration kPause = 100ms;

}  // namespace

PeerAcceptor::PeerAcceptor(host::EventLoop& loop, int listener_fd, Duration handshake_timeout, NoticeSink tell,
                           PeerAcceptorHost& host)
    : loop_(loop), fd_(listener_fd), handshake_timeout_(handshake_timeout), tell_(std::move(tell)), host_(host) {
  loop_.watch(fd_, this, true, false);
}

PeerAcceptor::~PeerAcceptor() {
  loop_.clock().cancel(pause_timer_);
  loop_.unwatch(fd_);
  close(fd_);
}

void PeerAcceptor::tell(NoticeLevel level, std::string text, std::string kind) {
  if (tell_) tell_({level, std::move(text), std::move(kind), 1});
}

void PeerAcceptor::on_ready(bool, bool) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause();
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return;
    }
    if (callers_.size() >= kCallersMax) make_room();
    tune_peer_socket(fd);
    Caller& caller = *callers_.emplace_back(std::make_unique<Caller>());
    caller.from = remote_address(fd);
    caller.handshake =
        std::make_unique<PeerHandshake>(loop_, fd, std::nullopt, handshake_timeout_,
                                        [this, &caller](Result<Hello> hello) { on_hello(caller, std::move(hello)); });
  }
}

void PeerAcceptor::pause() {
  tell(NoticeLevel::kError, "out of descriptors or memory: accepting no peers for a moment", "no descriptors");
  loop_.update(fd_, false, false);
  loop_.clock().cancel(pause_timer_);
  pause_timer_ = loop_.clock().call_at(loop_.clock().now() + kPause, [this] { loop_.update(fd_, true, false); });
}

/// The oldest of the address with most callers goes; those that have said who they are only if nobody else is left.
void PeerAcceptor::make_room() {
  std::map<std::string, size_t> counts;
  for (const auto& caller : callers_) {
    if (!caller->introduction) ++counts[caller->from.host_text()];
  }
  Caller* oldest = callers_.front().get();
  if (!counts.empty()) {
    const std::string& most = std::ranges::max_element(counts, {}, [](const auto& one) { return one.second; })->first;
    oldest = std::ranges::find_if(callers_, [&](const auto& caller) {
               return !caller->introduction && caller->from.host_text() == most;
             })->get();
  }
  tell(NoticeLevel::kWarning,
       "too many connections to the peer port that do not say who they are: the oldest one from " +
           oldest->from.host_text() + " was closed",
       "strangers");
  retire(*oldest);
}

void PeerAcceptor::retire(Caller& caller) {
  const auto found = std::ranges::find_if(callers_, [&](const auto& one) { return one.get() == &caller; });
  CHECK(found != callers_.end());
  caller.handshake->end();
  retired_.push_back(std::move(*found));  // closes the socket at the end of the turn unless it was taken
  callers_.erase(found);
}

void PeerAcceptor::on_hello(Caller& caller, Result<Hello> hello) {
  if (!hello.ok()) return on_failure(caller, hello.error());
  if (!caller.introduction) return on_introduction(caller, *std::move(hello));
  switch (hello->kind) {
    case HelloKind::kWelcome: {
      const int fd = caller.handshake->take_fd();
      retire(caller);
      return host_.on_accepted(*caller.introduction, caller.from.text(), fd);
    }
    case HelloKind::kRefusal:
      retire(caller);
      return host_.on_refused_by(caller.introduction->sender, hello->refusal);
    case HelloKind::kIntroduction:
    case HelloKind::kLater:
      return retire(caller);
  }
}

void PeerAcceptor::on_introduction(Caller& caller, Hello hello) {
  if (hello.kind != HelloKind::kIntroduction) return retire(caller);
  const Hello answer = host_.answer(hello, caller.from.text());
  if (answer.kind == HelloKind::kIntroduction) {
    if (!caller.handshake->send(answer)) return retire(caller);
    caller.introduction = std::move(hello);
    return;
  }
  if (answer.kind == HelloKind::kRefusal) {
    const std::string sender = "node " + std::to_string(hello.sender.value);
    tell(NoticeLevel::kWarning, "refused " + sender + " at " + caller.from.text() + ": " + answer.refusal.reason,
         "refused " + sender);
  }
  caller.handshake->send_last(answer);
  retire(caller);
}

void PeerAcceptor::on_failure(Caller& caller, const Error& error) {
  const std::string text = "closed a connection to the peer port from " + caller.from.text() + ": " + error.message;
  if (caller.handshake->is_from_torc()) {
    // An older version reads no reason, but finds the version in this and says so in its log.
    Hello refusal{HelloKind::kRefusal, {}, {}, {}, {}, {env::RefusalKind::kUnspecified, error.message, {}}};
    caller.handshake->send_last(refusal);
    tell(NoticeLevel::kWarning, text, "unfit hello from " + caller.from.host_text());
  } else if (error.code == ErrorCode::kInvalid) {
    tell(NoticeLevel::kWarning, text, "garbage");
  } else {
    tell(NoticeLevel::kInfo, text, "silent");
  }
  retire(caller);
}

}  // namespace torc::net
