// Connections on which nothing happens, or nothing can: they cost what they must and end when they should.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>
#include <memory>

#include "net/resp_test_server.h"

namespace torc::net {
namespace {

/// A field of CLIENT LIST, of the client with this name.
std::string field_of(TestClient& asker, const std::string& name, const std::string& field) {
  const std::string list = asker.text_of({"CLIENT", "LIST"});
  const size_t at = list.find(" name=" + name + " ");
  if (at == std::string::npos) return "";
  const size_t begin = list.rfind('\n', at) + 1;
  const size_t value = list.find(" " + field + "=", begin) + field.size() + 2;
  return list.substr(value, list.find(' ', value) - value);
}

bool is_connected_within_seconds(TestClient& asker, const std::string& name, int seconds, bool expected) {
  for (int i = 0; i < seconds * 100; ++i) {
    if (!field_of(asker, name, "fd").empty() == expected) return true;
    usleep(10'000);
  }
  return false;
}

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

TEST(RespIdle, AClientWhoseMachineIsGoneIsNoticedByProbes) {
  TestServer server({.keepalive = 60s});
  TestClient client(server);
  client.text_of({"CLIENT", "SETNAME", "me"});
  const int descriptor = std::stoi(field_of(client, "me", "fd"));  // of this process: the server is a thread of it
  const auto option = [descriptor](int level, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    getsockopt(descriptor, level, name, &value, &size);
    return value;
  };
  EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 60);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPINTVL), 20);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPCNT), 3);
}

TEST(RespIdle, WhoSaysNothingForTheIdleTimeoutIsClosedButNotWhoWaitsForAnAnswer) {
  TestServer server({.sweep_interval = 10ms, .idle_timeout = 100ms});
  TestClient waiting(server);
  waiting.text_of({"CLIENT", "SETNAME", "waiting"});
  waiting.send_command({"GET", "hold:answer"});
  TestClient idle(server);
  idle.text_of({"PING"});
  EXPECT_TRUE(idle.is_closed_by_server());
  TestClient other(server);
  EXPECT_NE(field_of(other, "waiting", "fd"), "");
  server.release_held();
  EXPECT_EQ(waiting.read().text, "answer");
}

TEST(RespIdle, ByDefaultNobodyIsClosedForSayingNothing) {
  TestServer server({.sweep_interval = 1ms});
  TestClient idle(server);
  EXPECT_EQ(idle.text_of({"PING"}), "PONG");
  usleep(100'000);
  EXPECT_EQ(idle.text_of({"PING"}), "PONG");
}

// Its input is not wanted, so a look at it says nothing of the reset behind it: the loop was woken again and again.
TEST(RespIdle, APausedClientThatIsResetIsClosedAtOnceAndSpinsNothing) {
  TestServer server({.pending_commands_max = 4});
  TestClient other(server);
  TestClient paused(server);
  paused.text_of({"CLIENT", "SETNAME", "paused"});
  std::string commands;
  for (int i = 0; i < 8; ++i) commands += "GET hold:x\r\n";
  paused.send(commands);
  other.text_of({"PING"});
  paused.send("PING\r\n");  // stays in the socket
  other.text_of({"PING"});
  const double before = cpu_seconds();
  paused.reset();
  EXPECT_TRUE(is_connected_within_seconds(other, "paused", 3, false));
  EXPECT_LT(cpu_seconds() - before, 0.5);
  server.release_held();
  EXPECT_EQ(other.text_of({"PING"}), "PONG");
}

// The connection that waits to be accepted keeps the listener ready.
TEST(RespIdle, WithoutDescriptorsTheListenerRestsAndGoesOnWhenThereAreSome) {
  TestServer server;
  TestClient other(server);
  EXPECT_EQ(other.text_of({"PING"}), "PONG");
  std::vector<int> taken;
  for (int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC); fd >= 0; fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) {
    taken.push_back(fd);
  }
  ASSERT_FALSE(taken.empty());
  ::close(taken.back());
  taken.pop_back();
  TestClient waiting(server);  // takes the last one; none is left to accept it with
  const double before = cpu_seconds();
  usleep(300'000);
  EXPECT_LT(cpu_seconds() - before, 0.15);
  EXPECT_EQ(other.text_of({"PING"}), "PONG");
  for (const int fd : taken) ::close(fd);
  EXPECT_EQ(waiting.text_of({"PING"}), "PONG");
}

}  // namespace
}  // namespace torc::net
