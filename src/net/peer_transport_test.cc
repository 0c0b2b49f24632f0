#include "net/peer_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "host/run_until.h"
#include "wire/peer_message.h"

namespace torc::net {
namespace {

using env::Channel;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr Channel kControl = Channel::kControl;
constexpr Channel kBulk = Channel::kBulk;

ByteChain chain(std::string head, std::vector<std::string> tail = {}) {
  ByteChain body{std::move(head), {}};
  for (std::string& part : tail) body.tail.emplace_back(std::move(part));
  return body;
}

/// One node's end: its transport, and what it was told.
struct Node : env::NetworkHandler {
  struct Frame {
    NodeId from;
    Channel channel;
    Bytes body;
  };

  Node(uint64_t id, host::EventLoop& loop, std::string address = "127.0.0.1:0",
       const std::function<void(PeerTransportOptions&)>& adjust = {}) {
    PeerTransportOptions options;
    options.self = NodeId(id);
    options.listen_address = std::move(address);
    options.seed = id;
    options.retry_delay_min = 2ms;
    options.retry_delay_max = 20ms;
    options.log = [this](std::string_view line) { log += std::string(line) + "\n"; };
    if (adjust) adjust(options);
    transport = std::move(PeerTransport::open(std::move(options), loop)).value();
    transport->set_handler(this);
  }

  void on_frame(NodeId from, Channel channel, Bytes body) override {
    frames.push_back({from, channel, body});
    if (on_frame_hook) on_frame_hook(body);
  }
  void on_connected(NodeId peer, Channel channel) override { note('+', peer, channel); }
  void on_disconnected(NodeId peer, Channel channel) override { note('-', peer, channel); }
  void note(char sign, NodeId peer, Channel channel) {
    events += sign + std::to_string(peer.value) + (channel == kControl ? "c " : "b ");
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(transport->port()); }
  bool has_both(uint64_t peer) const {
    return transport->is_connected(NodeId(peer), kControl) && transport->is_connected(NodeId(peer), kBulk);
  }
  std::vector<std::string> bodies() const {
    std::vector<std::string> all;
    for (const Frame& frame : frames) all.emplace_back(frame.body.view());
    return all;
  }

  std::string log;     // before the transport, which writes to it
  std::string events;  // "+2c -2b": connected to 2 (control), lost 2 (bulk)
  std::deque<Frame> frames;
  std::function<void(const Bytes&)> on_frame_hook;
  std::unique_ptr<PeerTransport> transport;
};

class PeerTransportTest : public testing::Test {
 protected:
  PeerTransportTest() {
    loop.at_end_of_turn([this] {
      for (Node* node : {one.get(), two.get()}) {
        if (node != nullptr) node->transport->end_turn();
      }
    });
  }
  void start() {
    one = std::make_unique<Node>(1, loop);
    two = std::make_unique<Node>(2, loop);
    introduce();
    ASSERT_TRUE(wait([&] { return one->has_both(2) && two->has_both(1); }));
  }
  void introduce() {
    ASSERT_TRUE(one->transport->set_peer_address(NodeId(2), two->address()).ok());
    ASSERT_TRUE(two->transport->set_peer_address(NodeId(1), one->address()).ok());
  }
  bool wait(const std::function<bool()>& condition) { return host::run_until(loop, condition); }
  void run_for(Duration duration) {
    const Instant end = loop.clock().now() + duration;
    wait([&] { return loop.clock().now() >= end; });
  }
  int connect_raw(const Node& node) { return start_connect(resolve(node.address()).value()).value(); }
  /// Everything the node sends on a raw connection until it hangs up; "timeout" if it does not.
  std::string read_until_hang_up(int fd) {
    std::string received;
    bool is_over = false;
    wait([&] {
      char buffer[256];
      const ssize_t count = recv(fd, buffer, sizeof buffer, 0);
      if (count > 0) received.append(buffer, static_cast<size_t>(count));
      is_over = count == 0 || (count < 0 && errno == ECONNRESET);
      return is_over;
    });
    close(fd);
    return is_over ? received : "timeout";
  }
  void write_raw(int fd, const std::string& bytes) {
    bool is_sent = false;  // the condition is looked at again after it held
    wait([&] {
      return is_sent || (is_sent = connect_error(fd) == 0 && ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0);
    });
  }

  host::EventLoop loop;
  std::unique_ptr<Node> one, two;
};

TEST_F(PeerTransportTest, FramesTravelBothWaysInOrderPerChannel) {
  start();
  for (int i = 0; i < 100; ++i) one->transport->send(NodeId(2), kControl, chain("c" + std::to_string(i), {"-", "x"}));
  two->transport->send(NodeId(1), kBulk, chain("", {"only a tail"}));
  two->transport->send(NodeId(1), kBulk, chain(""));
  ASSERT_TRUE(wait([&] { return two->frames.size() == 100 && one->frames.size() == 2; }));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(two->frames[static_cast<size_t>(i)].body.view(), "c" + std::to_string(i) + "-x");
    EXPECT_EQ(two->frames[static_cast<size_t>(i)].channel, kControl);
    EXPECT_EQ(two->frames[static_cast<size_t>(i)].from, NodeId(1));
  }
  EXPECT_THAT(one->bodies(), ElementsAre("only a tail", ""));
  EXPECT_EQ(one->frames[0].channel, kBulk);
}

TEST_F(PeerTransportTest, LargeFramesOfManyPiecesArriveWholeWhileControlPasses) {
  start();
  std::vector<std::string> pieces;
  std::string expected = "head";
  for (int i = 0; i < 3000; ++i) {  // more pieces than one sendmsg takes, 30 MiB together
    pieces.emplace_back(10'486, static_cast<char>('a' + i % 26));
    expected += pieces.back();
  }
  one->transport->send(NodeId(2), kBulk, chain("head", pieces));
  one->transport->send(NodeId(2), kBulk, chain("after"));
  one->transport->send(NodeId(2), kControl, chain("small"));
  ASSERT_TRUE(wait([&] { return two->frames.size() == 3; }));
  EXPECT_EQ(two->frames[0].body.view(), "small");
  EXPECT_TRUE(two->frames[1].body.view() == expected);
  EXPECT_EQ(two->frames[2].body.view(), "after");
}

TEST_F(PeerTransportTest, ARestartedListenerIsFoundAgain) {
  start();
  const std::string address = two->address();
  two.reset();
  ASSERT_TRUE(wait([&] { return !one->has_both(2); }));
  one->transport->send(NodeId(2), kControl, chain("lost"));
  run_for(10ms);  // refused dials
  two = std::make_unique<Node>(2, loop, address);
  introduce();
  ASSERT_TRUE(wait([&] { return one->has_both(2) && two->has_both(1); }));
  one->transport->send(NodeId(2), kControl, chain("found"));
  ASSERT_TRUE(wait([&] { return !two->frames.empty(); }));
  EXPECT_THAT(two->bodies(), ElementsAre("found"));
  EXPECT_EQ(std::count(one->events.begin(), one->events.end(), '+'), 4);
  EXPECT_EQ(std::count(one->events.begin(), one->events.end(), '-'), 2);
  EXPECT_THAT(one->log, HasSubstr("cannot reach peer 2"));
}

TEST_F(PeerTransportTest, ARestartedDialerIsBackOnBothChannels) {
  start();
  two->events.clear();
  one = std::make_unique<Node>(1, loop);
  ASSERT_TRUE(one->transport->set_peer_address(NodeId(2), two->address()).ok());
  ASSERT_TRUE(wait([&] { return one->has_both(2) && std::count(two->events.begin(), two->events.end(), '+') == 2; }));
  for (const char* channel : {"1c", "1b"}) {  // the loss is told before the return
    EXPECT_LT(two->events.find(std::string("-") + channel), two->events.find(std::string("+") + channel));
  }
  two->transport->send(NodeId(1), kControl, chain("hello again"));
  ASSERT_TRUE(wait([&] { return !one->frames.empty(); }));
}

TEST_F(PeerTransportTest, ASecondConnectionOfAPeerReplacesTheFirstWhichIsClosed) {
  two = std::make_unique<Node>(2, loop);
  ASSERT_TRUE(two->transport->set_peer_address(NodeId(1), "127.0.0.1:1").ok());
  const std::string hello = encode(Hello{NodeId(1), NodeId(2), kControl});
  const int first = connect_raw(*two);
  write_raw(first, hello);
  ASSERT_TRUE(wait([&] { return two->events == "+1c "; }));
  const int second = connect_raw(*two);
  write_raw(second, hello);
  ASSERT_TRUE(wait([&] { return two->events == "+1c -1c +1c "; }));
  EXPECT_EQ(read_until_hang_up(first), encode(Hello{NodeId(2), NodeId(1), kControl}));
  close(second);
  ASSERT_TRUE(wait([&] { return two->events == "+1c -1c +1c -1c "; }));
}

TEST_F(PeerTransportTest, ANodeOfAnotherClusterTakesNobodysPlaceAndOneWithoutAClusterIsLetIn) {
  two = std::make_unique<Node>(2, loop);
  two->transport->set_cluster([] { return ClusterId(5); });
  ASSERT_TRUE(two->transport->set_peer_address(NodeId(1), "127.0.0.1:1").ok());
  const int member = connect_raw(*two);
  write_raw(member, encode(Hello{NodeId(1), NodeId(2), kControl, ClusterId(5)}));
  ASSERT_TRUE(wait([&] { return two->events == "+1c "; }));
  const int foreign = connect_raw(*two);
  write_raw(foreign, encode(Hello{NodeId(1), NodeId(2), kControl, ClusterId(6)}));
  EXPECT_EQ(read_until_hang_up(foreign), "");
  EXPECT_THAT(two->log, HasSubstr("belongs to another cluster"));
  EXPECT_EQ(two->events, "+1c ");
  const int unborn = connect_raw(*two);
  write_raw(unborn, encode(Hello{NodeId(1), NodeId(2), kControl, ClusterId()}));
  ASSERT_TRUE(wait([&] { return two->events == "+1c -1c +1c "; }));
  EXPECT_EQ(read_until_hang_up(member), encode(Hello{NodeId(2), NodeId(1), kControl, ClusterId(5)}));
}

TEST_F(PeerTransportTest, ANodeOfAnotherClusterThatAnswersIsNotConnected) {
  one = std::make_unique<Node>(1, loop);
  two = std::make_unique<Node>(2, loop);
  one->transport->set_cluster([] { return ClusterId(5); });
  ClusterId cluster_of_two(6);
  two->transport->set_cluster([&] { return cluster_of_two; });
  ASSERT_TRUE(two->transport->set_peer_address(NodeId(1), one->address()).ok());
  ASSERT_TRUE(one->transport->set_peer_address(NodeId(2), two->address()).ok());
  ASSERT_TRUE(wait([&] { return two->log.find("another cluster") != std::string::npos; }));
  EXPECT_EQ(one->events + two->events, "");
  cluster_of_two = ClusterId(5);
  ASSERT_TRUE(wait([&] { return one->has_both(2) && two->has_both(1); }));
}

TEST_F(PeerTransportTest, ForeignAndMisdirectedConnectionsAreRefusedWithALogLine) {
  start();
  struct Case {
    std::string bytes;
    std::string reason;
  };
  std::string other_version = encode(Hello{NodeId(1), NodeId(2), kControl});
  other_version[8] = 9;
  std::string bad_channel = encode(Hello{NodeId(1), NodeId(2), kControl});
  bad_channel[12] = 2;
  for (const Case& one_case : {
           Case{"GET / HTTP/1.1\r\nHost: nowhere.example\r\n\r\n", "not a Torc node"},
           Case{other_version, "speaks version 9"},
           Case{bad_channel, "malformed hello"},
           Case{encode(Hello{NodeId(1), NodeId(7), kControl}), "node 1 looks for node 7, this is node 2"},
           Case{encode(Hello{NodeId(9), NodeId(2), kControl}), "node 9 is not a known peer"},
           Case{encode(Hello{NodeId(2), NodeId(2), kControl}), "node 2 is not a known peer"},
       }) {
    two->log.clear();
    const int fd = connect_raw(*two);
    write_raw(fd, one_case.bytes);
    EXPECT_EQ(read_until_hang_up(fd), "") << one_case.reason;
    EXPECT_THAT(two->log, HasSubstr("refused"));
    EXPECT_THAT(two->log, HasSubstr(one_case.reason));
  }
  one->log.clear();
  const int fd = connect_raw(*one);
  write_raw(fd, encode(Hello{NodeId(2), NodeId(1), kControl}));
  EXPECT_EQ(read_until_hang_up(fd), "");
  EXPECT_THAT(one->log, HasSubstr("larger id"));
  EXPECT_TRUE(one->has_both(2) && two->has_both(1));
  EXPECT_EQ(two->events, "+1c +1b ");
}

TEST_F(PeerTransportTest, ASilentConnectionIsClosedInTime) {
  two = std::make_unique<Node>(2, loop, "127.0.0.1:0", [](PeerTransportOptions& o) { o.handshake_timeout = 5ms; });
  const int fd = connect_raw(*two);
  write_raw(fd, "torc");
  EXPECT_EQ(read_until_hang_up(fd), "");
  EXPECT_THAT(two->log, HasSubstr("no hello in time"));
}

TEST_F(PeerTransportTest, UnidentifiedConnectionsAreBounded) {
  two = std::make_unique<Node>(2, loop);
  std::vector<int> fds;
  for (int i = 0; i < 65; ++i) {  // one past the limit
    fds.push_back(connect_raw(*two));
    run_for(1ms);  // accepted in this order
  }
  EXPECT_EQ(read_until_hang_up(fds.back()), "");
  fds.pop_back();
  char byte;
  for (const int fd : fds) {
    EXPECT_EQ(recv(fd, &byte, 1, 0), -1);
    EXPECT_EQ(errno, EAGAIN);
    close(fd);
  }
}

TEST_F(PeerTransportTest, ADialerNoticesThatAnotherNodeAnswers) {
  one = std::make_unique<Node>(1, loop);
  two = std::make_unique<Node>(3, loop);  // stands where 2 should
  ASSERT_TRUE(two->transport->set_peer_address(NodeId(1), one->address()).ok());
  ASSERT_TRUE(one->transport->set_peer_address(NodeId(2), two->address()).ok());
  ASSERT_TRUE(wait([&] { return two->log.find("looks for node 2, this is node 3") != std::string::npos; }));
  EXPECT_EQ(one->events, "");
  EXPECT_EQ(two->events, "");
}

TEST_F(PeerTransportTest, AnOversizedLengthClosesOnlyThatConnectionAndTheLimitItselfPasses) {
  start();
  two->events.clear();
  const int raw = connect_raw(*two);
  write_raw(raw, encode(Hello{NodeId(1), NodeId(2), kBulk}));  // takes the bulk link over
  ASSERT_TRUE(wait([&] { return two->events == "-1b +1b "; }));
  const uint32_t too_long = wire::kFrameBytesMax + 1;
  write_raw(raw, std::string(reinterpret_cast<const char*>(&too_long), 4) + "xyz");
  EXPECT_EQ(read_until_hang_up(raw), encode(Hello{NodeId(2), NodeId(1), kBulk}));
  EXPECT_THAT(two->events, HasSubstr("-1b +1b -1b"));
  EXPECT_THAT(two->events, testing::Not(HasSubstr("-1c")));
  ASSERT_TRUE(wait([&] { return one->has_both(2) && two->has_both(1); }));  // the real one dials again
  one->transport->send(NodeId(2), kBulk, chain(std::string(wire::kFrameBytesMax, 'z')));
  ASSERT_TRUE(wait([&] { return !two->frames.empty(); }));
  EXPECT_EQ(two->frames[0].body.size(), wire::kFrameBytesMax);
}

TEST_F(PeerTransportTest, AFullQueueDropsFramesAndKeepsTheRestInOrder) {
  one = std::make_unique<Node>(1, loop, "127.0.0.1:0",
                               [](PeerTransportOptions& o) { o.control_queued_bytes_max = 1000; });
  two = std::make_unique<Node>(2, loop);
  introduce();
  ASSERT_TRUE(wait([&] { return one->has_both(2) && two->has_both(1); }));
  // Each frame costs its body and four bytes; nothing leaves before the end of the turn.
  one->transport->send(NodeId(2), kControl, chain(std::string(2000, 'a')));  // an empty queue takes any frame
  one->transport->send(NodeId(2), kControl, chain("dropped"));
  EXPECT_EQ(one->transport->frames_dropped(), 1u);
  ASSERT_TRUE(wait([&] { return two->frames.size() == 1; }));
  one->transport->send(NodeId(2), kControl, chain(std::string(496, 'b')));
  one->transport->send(NodeId(2), kControl, chain(std::string(501, 'c')));  // one past the limit
  one->transport->send(NodeId(2), kControl, chain(std::string(500, 'd')));  // exactly at it
  EXPECT_EQ(one->transport->frames_dropped(), 2u);
  ASSERT_TRUE(wait([&] { return two->frames.size() == 3; }));
  EXPECT_EQ(two->frames[1].body.view()[0], 'b');
  EXPECT_EQ(two->frames[2].body.view()[0], 'd');
}

TEST_F(PeerTransportTest, ABlockedLinkIsCutOnBothChannelsUntilItIsUnblocked) {
  start();
  for (Node* blocker : {one.get(), two.get()}) {  // the dialing and the listening side
    const NodeId other(blocker == one.get() ? 2 : 1);
    one->frames.clear();
    two->frames.clear();
    blocker->transport->block(other, true);
    ASSERT_TRUE(wait([&] { return one->events.ends_with("-2b ") || one->events.ends_with("-2c "); }));
    one->transport->send(NodeId(2), kControl, chain("lost"));
    two->transport->send(NodeId(1), kBulk, chain("lost"));
    run_for(30ms);
    EXPECT_FALSE(one->transport->is_connected(NodeId(2), kControl) || two->transport->is_connected(NodeId(1), kBulk));
    EXPECT_TRUE(one->frames.empty() && two->frames.empty());
    blocker->transport->block(other, false);
    ASSERT_TRUE(wait([&] { return one->has_both(2) && two->has_both(1); }));
  }
}

TEST_F(PeerTransportTest, AHandlerMayCutTheLinkItIsBeingServedFrom) {
  start();
  two->on_frame_hook = [&](const Bytes&) { two->transport->block(NodeId(1), true); };
  for (int i = 0; i < 3; ++i) one->transport->send(NodeId(2), kControl, chain("frame"));
  ASSERT_TRUE(wait([&] { return two->events.ends_with("-1c -1b "); }));
  EXPECT_EQ(two->frames.size(), 1u);  // nothing of a link that is cut
}

TEST_F(PeerTransportTest, FramesToUnknownOrUnreachablePeersAreDropped) {
  one = std::make_unique<Node>(1, loop);
  one->transport->send(NodeId(2), kControl, chain("nobody"));
  ASSERT_TRUE(one->transport->set_peer_address(NodeId(2), "127.0.0.1:1").ok());
  one->transport->send(NodeId(2), kControl, chain("nobody"));
  one->transport->block(NodeId(99), true);
  run_for(2ms);
  EXPECT_FALSE(one->transport->is_connected(NodeId(2), kControl));
}

TEST_F(PeerTransportTest, AddressesAreChecked) {
  one = std::make_unique<Node>(1, loop);
  for (const char* text : {"", "nocolon", ":1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:1x", "127.0.0.1:-1"}) {
    const Status status = one->transport->set_peer_address(NodeId(2), text);
    ASSERT_FALSE(status.ok()) << text;
    EXPECT_EQ(status.error().code, ErrorCode::kInvalid) << text;
  }
  EXPECT_FALSE(one->transport->set_peer_address(NodeId(1), "127.0.0.1:1").ok());
  EXPECT_TRUE(resolve("localhost:65535").ok());
  EXPECT_TRUE(resolve("[::1]:80").ok());
  PeerTransportOptions options;
  options.self = NodeId(5);
  options.listen_address = one->address();
  const auto taken = PeerTransport::open(options, loop);
  ASSERT_FALSE(taken.ok());
  EXPECT_THAT(taken.error().message, HasSubstr(one->address()));
}

TEST(PeerHello, SurvivesTheRoundTripAndNothingShorterIsAccepted) {
  const Hello hello{NodeId(3), NodeId(UINT64_MAX), kBulk, ClusterId(7)};
  const std::string bytes = encode(hello);
  EXPECT_EQ(bytes.size(), kHelloBytes);
  EXPECT_EQ(decode_hello(bytes).value(), hello);
  for (size_t i = 0; i < bytes.size(); ++i) EXPECT_FALSE(decode_hello(bytes.substr(0, i)).ok());
  EXPECT_FALSE(decode_hello(bytes + "x").ok());
  EXPECT_FALSE(decode_hello(encode(Hello{NodeId(), NodeId(1), kBulk})).ok());
}

}  // namespace
}  // namespace torc::net
