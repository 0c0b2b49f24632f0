#include "client/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "base/check.h"
#include "wire/resp_reply_parser.h"

namespace torc::client::testing {

ScriptedServer::ScriptedServer(std::function<std::string(const Command&)> answer) : answer_(std::move(answer)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) == 0);
  CHECK(::listen(listener_, 16) == 0);
  CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  port_ = ntohs(address.sin_port);
  CHECK(::pipe(wake_) == 0);
  thread_ = std::thread([this] { run(); });
}

ScriptedServer::~ScriptedServer() {
  CHECK(::write(wake_[1], "x", 1) == 1);
  thread_.join();
  for (const int fd : {listener_, wake_[0], wake_[1]}) ::close(fd);
}

std::vector<std::string> ScriptedServer::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

void ScriptedServer::run() {
  for (;;) {
    pollfd polled[] = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    ::poll(polled, 2, -1);
    if (polled[1].revents != 0) return;
    const int fd = ::accept(listener_, nullptr, nullptr);
    while (serve(fd)) {
    }
    ::close(fd);
  }
}

bool ScriptedServer::serve(int fd) {
  wire::RespReplyParser parser;  // a request is an array of bulks, which is also a reply
  for (;;) {
    pollfd polled[] = {{fd, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    ::poll(polled, 2, -1);
    if (polled[1].revents != 0) return false;
    char buffer[4096];
    const ssize_t bytes = ::recv(fd, buffer, sizeof buffer, 0);
    if (bytes <= 0) return false;
    parser.feed(std::string_view(buffer, static_cast<size_t>(bytes)));
    for (;;) {
      const auto request = parser.next();
      CHECK(request.ok());
      if (!request->has_value()) break;
      Command command;
      std::string joined;
      for (const wire::RespValue& word : (*request)->elements) {
        command.push_back(word.text);
        joined += (joined.empty() ? "" : " ") + word.text;
      }
      {
        const std::lock_guard lock(mutex_);
        received_.push_back(joined);
      }
      const std::string answer = answer_(command);
      if (answer == kHangUp) return false;
      if (answer == kSilence) continue;
      CHECK(::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) >= 0);
    }
  }
}

}  // namespace torc::client::testing
