#include "net/peer_transport.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/codec.h"
#include "host/run_until.h"
#include "net/tcp.h"

namespace torc::net {
namespace {

using env::Channel;

class Inbox final : public env::NetworkHandler {
 public:
  std::vector<std::string> frames;
  int connected = 0;
  int disconnected = 0;
  void on_frame(NodeId, Channel, Bytes body) override { frames.emplace_back(body.view()); }
  void on_connected(NodeId, Channel) override { ++connected; }
  void on_disconnected(NodeId, Channel) override { ++disconnected; }
};

ByteChain body(std::string head, const std::string& tail = "") {
  ByteChain chain{std::move(head), {}};
  if (!tail.empty()) chain.tail.emplace_back(tail);
  return chain;
}

/// Two nodes on one loop. Node 2 listens first, since node 1 dials it.
class PeerTransportTest : public testing::Test {
 protected:
  PeerTransportTest() {
    two = start(2, {{NodeId(1), "127.0.0.1:1"}}, 0);
    one = start(1, {{NodeId(2), "127.0.0.1:" + std::to_string(two->port())}}, 0);
    one->set_handler(&inbox_one);
    two->set_handler(&inbox_two);
    loop.at_end_of_turn([this] {
      if (one) one->flush();
      if (two) two->flush();
    });
  }
  std::unique_ptr<PeerTransport> start(uint64_t self, std::map<NodeId, std::string> addresses, uint16_t port) {
    PeerTransportOptions options;
    options.self = NodeId(self);
    options.listen_host = "127.0.0.1";
    options.listen_port = port;
    options.addresses = std::move(addresses);
    options.bulk_queue_bytes_max = 64u << 20;
    options.log = [this](const std::string& line) { log.push_back(line); };
    auto transport = PeerTransport::listen(loop, std::move(options));
    EXPECT_TRUE(transport.ok());
    return *std::move(transport);
  }
  void connect() {
    ASSERT_TRUE(host::run_until(loop, [&] { return inbox_one.connected == 2 && inbox_two.connected == 2; }));
  }
  /// A raw connection to node 2's peer port that sends `bytes`; true if node 2 closes it.
  bool is_closed_after(const std::string& bytes) {
    const auto dialed = dial({"127.0.0.1", std::to_string(two->port())});
    EXPECT_TRUE(dialed.ok());
    EXPECT_TRUE(host::run_until(loop, [&] {
      return ::send(dialed->descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
    }));
    char answer[256];
    const bool is_closed = host::run_until(
        loop, [&] { return recv(dialed->descriptor, answer, sizeof answer, MSG_DONTWAIT) == 0; }, 5s);
    ::close(dialed->descriptor);
    return is_closed;
  }

  host::EventLoop loop;
  std::vector<std::string> log;
  Inbox inbox_one, inbox_two;
  std::unique_ptr<PeerTransport> two, one;
};

TEST_F(PeerTransportTest, FramesArriveWholeAndInOrderBothWays) {
  connect();
  for (int i = 0; i < 1000; ++i) one->send(NodeId(2), Channel::kControl, body(std::to_string(i)));
  two->send(NodeId(1), Channel::kBulk, body("head", std::string(30u << 20, 'x')));
  ASSERT_TRUE(host::run_until(loop, [&] { return inbox_two.frames.size() == 1000 && inbox_one.frames.size() == 1; }));
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(inbox_two.frames[i], std::to_string(i));
  EXPECT_EQ(inbox_one.frames[0], "head" + std::string(30u << 20, 'x'));
}

TEST_F(PeerTransportTest, ConnectionsComeBackAfterTheOtherSideRestarts) {
  connect();
  const uint16_t port = two->port();
  two.reset();
  ASSERT_TRUE(host::run_until(loop, [&] { return inbox_one.disconnected == 2; }));
  one->send(NodeId(2), Channel::kControl, body("into the void"));
  two = start(2, {{NodeId(1), "127.0.0.1:1"}}, port);
  two->set_handler(&inbox_two);
  ASSERT_TRUE(host::run_until(loop, [&] { return inbox_one.connected == 4; }));
  one->send(NodeId(2), Channel::kControl, body("hello again"));
  ASSERT_TRUE(host::run_until(loop, [&] { return !inbox_two.frames.empty(); }));
  EXPECT_EQ(inbox_two.frames[0], "hello again");
}

TEST_F(PeerTransportTest, BlockedLinkCarriesNothingUntilMended) {
  connect();
  one->set_blocked(NodeId(2), true);
  ASSERT_TRUE(host::run_until(loop, [&] { return inbox_two.disconnected == 2; }));
  one->send(NodeId(2), Channel::kControl, body("lost"));
  one->set_blocked(NodeId(2), false);
  ASSERT_TRUE(host::run_until(loop, [&] { return inbox_two.connected == 4; }));
  EXPECT_TRUE(inbox_two.frames.empty());
}

TEST_F(PeerTransportTest, QueueIsBoundedAndDropsWholeFrames) {
  connect();
  const std::string big(40u << 20, 'x');
  for (int i = 0; i < 4; ++i) one->send(NodeId(2), Channel::kBulk, body(std::to_string(i), big));
  ASSERT_TRUE(host::run_until(loop, [&] { return !inbox_two.frames.empty(); }));
  one->send(NodeId(2), Channel::kBulk, body("last"));
  ASSERT_TRUE(host::run_until(loop, [&] { return inbox_two.frames.back() == "last"; }));
  EXPECT_EQ(inbox_two.frames.size(), 2u) << "one of the four large ones fits into the queue of 64 MiB";
}

TEST_F(PeerTransportTest, StrangersAndMisdirectedConnectionsAreRefused) {
  connect();
  EXPECT_TRUE(is_closed_after("GET / HTTP/1.1\r\nHost: example\r\nAccept: */*\r\n\r\n"));
  EXPECT_TRUE(is_closed_after(encode_hello({NodeId(1), NodeId(7), Channel::kControl})));
  EXPECT_TRUE(is_closed_after(encode_hello({NodeId(9), NodeId(2), Channel::kControl})));
  EXPECT_TRUE(is_closed_after(encode_hello({NodeId(2), NodeId(2), Channel::kControl})));
  EXPECT_EQ(inbox_two.disconnected, 0) << "the real peer is not disturbed";
  EXPECT_EQ(log.size(), 3u);
}

TEST_F(PeerTransportTest, OversizedFrameClosesOnlyThatConnection) {
  connect();
  std::string bytes = encode_hello({NodeId(1), NodeId(2), Channel::kBulk});
  put_u32(bytes, UINT32_MAX);
  EXPECT_TRUE(is_closed_after(bytes));
  one->send(NodeId(2), Channel::kControl, body("still here"));
  ASSERT_TRUE(host::run_until(loop, [&] { return !inbox_two.frames.empty(); }));
  EXPECT_EQ(inbox_two.frames[0], "still here");
}

}  // namespace
}  // namespace torc::net
