#include "net/peer_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>

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
    options.tell = [this](const Notice& notice) { log += notice.text + "\n"; };
    if (adjust) adjust(options);
    transport = std::move(PeerTransport::open(std::move(options), loop)).value();
    transport->set_handler(this);
  }

  void on_frame(NodeId from, Channel channel, Bytes body) override {
    frames.push_back({from, channel, body});
    if (on_frame_hook) on_frame_hook(body);
  }
  std::optional<std::string> introduction() override { return own_introduction; }
  env::Admission admit(NodeId, std::string_view, std::string_view introduction) override {
    heard.emplace_back(introduction);
    return judge ? judge(introduction) : env::Admission();
  }
  void on_refused(NodeId, const env::Refusal& refusal) override { refusals.push_back(refusal); }
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
  std::optional<std::string> own_introduction = "?";  // none: does not speak yet
  std::vector<std::string> heard;                     // introductions
  std::function<env::Admission(std::string_view)> judge;
  std::vector<env::Refusal> refusals;
  std::function<void(const Bytes&)> on_frame_hook;
  std::unique_ptr<PeerTransport> transport;
};

std::string hello(HelloKind kind, uint64_t from, uint64_t to, Channel channel = kControl) {
  Hello one;
  one.kind = kind;
  one.channel = channel;
  one.sender = NodeId(from);
  one.target = NodeId(to);
  one.introduction = kind == HelloKind::kIntroduction ? "?" : "";
  return encode(one);
}
/// Everything a caller that is welcome has to say.
std::string calls(uint64_t from, uint64_t to, Channel channel = kControl) {
  return hello(HelloKind::kIntroduction, from, to, channel) + hello(HelloKind::kWelcome, from, to, channel);
}
/// What it hears.
std::string answer(uint64_t from, uint64_t to, Channel channel = kControl) {
  return hello(HelloKind::kIntroduction, from, to, channel);
}

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
  EXPECT_THAT(one->log, HasSubstr("no connection to node 2"));
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
  const int first = connect_raw(*two);
  write_raw(first, calls(1, 2));
  ASSERT_TRUE(wait([&] { return two->events == "+1c "; }));
  const int second = connect_raw(*two);
  write_raw(second, calls(1, 2));
  ASSERT_TRUE(wait([&] { return two->events == "+1c -1c +1c "; }));
  EXPECT_EQ(read_until_hang_up(first), answer(2, 1));
  close(second);
  ASSERT_TRUE(wait([&] { return two->events == "+1c -1c +1c -1c "; }));
}

TEST_F(PeerTransportTest, BothEndsJudgeBeforeAnythingPassesAndBothSayWhy) {
  for (const bool is_listener_the_judge : {true, false}) {
    one = std::make_unique<Node>(1, loop);
    two = std::make_unique<Node>(2, loop);
    one->own_introduction = "one";
    two->own_introduction = "two";
    Node& judge = is_listener_the_judge ? *two : *one;
    Node& other = is_listener_the_judge ? *one : *two;
    bool is_strict = true;
    judge.judge = [&](std::string_view) {
      return is_strict ? env::Admission::refused({{}, "they do not get on"}) : env::Admission();
    };
    introduce();
    ASSERT_TRUE(wait([&] { return !other.refusals.empty() && judge.log.find("get on") != std::string::npos; }));
    EXPECT_EQ(other.refusals[0].reason, "they do not get on");
    EXPECT_THAT(other.log, HasSubstr("refuses this node: they do not get on"));
    EXPECT_EQ(one->events + two->events, "");
    is_strict = false;
    ASSERT_TRUE(wait([&] { return one->has_both(2) && two->has_both(1); }));
    EXPECT_EQ(one->heard.back(), "two");
    EXPECT_EQ(two->heard.back(), "one");
  }
}

TEST_F(PeerTransportTest, WhoIsToldToWaitComesBackSoonAndNobodyIsTold) {
  one = std::make_unique<Node>(1, loop);
  two = std::make_unique<Node>(2, loop);
  for (Node* node : {one.get(), two.get()}) {
    node->judge = [asked = 0](std::string_view) mutable {
      return ++asked <= 4 ? env::Admission::later() : env::Admission();
    };
  }
  introduce();
  ASSERT_TRUE(wait([&] { return one->has_both(2) && two->has_both(1); }));
  EXPECT_EQ(one->refusals.size() + two->refusals.size(), 0u);
  EXPECT_THAT(one->log + two->log, testing::Not(HasSubstr("refuse")));
}

TEST_F(PeerTransportTest, WhoDoesNotSpeakYetIsNotConnectedAndSoonAfterIs) {
  for (const bool is_dialer_silent : {true, false}) {
    one = std::make_unique<Node>(1, loop);
    two = std::make_unique<Node>(2, loop);
    Node& silent = is_dialer_silent ? *one : *two;
    silent.own_introduction.reset();
    introduce();
    run_for(20ms);
    EXPECT_EQ(one->events + two->events, "");
    silent.own_introduction = "now";
    ASSERT_TRUE(wait([&] { return one->has_both(2) && two->has_both(1); }));
    EXPECT_EQ(one->refusals.size() + two->refusals.size(), 0u);
  }
}

TEST_F(PeerTransportTest, APeerThatHasStartedAnewTakesBothConnectionsOfItsEarlierStart) {
  two = std::make_unique<Node>(2, loop);
  ASSERT_TRUE(two->transport->set_peer_address(NodeId(1), "127.0.0.1:1").ok());
  const int control = connect_raw(*two);
  const int bulk = connect_raw(*two);
  write_raw(control, calls(1, 2, kControl));
  write_raw(bulk, calls(1, 2, kBulk));
  ASSERT_TRUE(wait([&] { return two->has_both(1); }));
  two->events.clear();
  two->judge = [](std::string_view) { return env::Admission{.ends_earlier = true}; };
  const int again = connect_raw(*two);
  write_raw(again, calls(1, 2, kControl));
  ASSERT_TRUE(wait([&] { return two->events == "-1c -1b +1c "; }));
  EXPECT_EQ(read_until_hang_up(bulk), answer(2, 1, kBulk));
  close(control);
  close(again);
}

TEST_F(PeerTransportTest, ForeignAndMisdirectedConnectionsAreRefusedWithALogLine) {
  start();
  struct Case {
    std::string bytes;
    std::string reason;
  };
  std::string bad_channel = hello(HelloKind::kIntroduction, 1, 2);
  bad_channel[kHelloHeaderBytes + 1] = 2;
  for (const Case& one_case : {
           Case{"GET / HTTP/1.1\r\nHost: nowhere.example\r\n\r\n", "not a Torc node"},
           Case{bad_channel, "malformed hello"},
           Case{hello(HelloKind::kIntroduction, 1, 7), "node 1 called node 7, and node 2 answers there"},
           Case{hello(HelloKind::kIntroduction, 9, 2), "node 9 is not in --initial-cluster of node 2"},
           Case{hello(HelloKind::kIntroduction, 2, 2), "node 2 is not in --initial-cluster of node 2"},
       }) {
    two->log.clear();
    const int fd = connect_raw(*two);
    write_raw(fd, one_case.bytes);
    read_until_hang_up(fd);
    EXPECT_THAT(two->log, HasSubstr(one_case.reason));
    EXPECT_THAT(two->log, testing::AnyOf(HasSubstr("refused"), HasSubstr("closed a connection")));
  }
  one->log.clear();
  const int fd = connect_raw(*one);
  write_raw(fd, hello(HelloKind::kIntroduction, 2, 1));
  read_until_hang_up(fd);
  EXPECT_THAT(one->log, HasSubstr("larger id"));
  EXPECT_TRUE(one->has_both(2) && two->has_both(1));
  EXPECT_EQ(two->events, "+1c +1b ");
}

// Version 2 had 40 bytes: magic, version, channel, sender, target, cluster. It reads as many and looks at the version.
TEST_F(PeerTransportTest, AnOlderVersionFindsOursInTheAnswerAndIsToldOfInTheLog) {
  two = std::make_unique<Node>(2, loop);
  ASSERT_TRUE(two->transport->set_peer_address(NodeId(1), "127.0.0.1:1").ok());
  std::string old("torcpeer");
  for (const uint32_t word : {2u, 0u, 1u, 0u, 2u, 0u, 0u, 0u}) {
    old.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  ASSERT_EQ(old.size(), 40u);
  const int fd = connect_raw(*two);
  write_raw(fd, old);
  const std::string answered = read_until_hang_up(fd);
  ASSERT_GE(answered.size(), 40u) << "what an older version waits for";
  EXPECT_EQ(answered.substr(0, 9), std::string("torcpeer") + static_cast<char>(kHelloVersion));
  EXPECT_THAT(two->log, HasSubstr("speaks version 2 of the peer protocol, not 3"));
}

TEST_F(PeerTransportTest, ASilentConnectionIsClosedInTime) {
  two = std::make_unique<Node>(2, loop, "127.0.0.1:0", [](PeerTransportOptions& o) { o.handshake_timeout = 5ms; });
  const int fd = connect_raw(*two);
  write_raw(fd, "torc");
  EXPECT_EQ(read_until_hang_up(fd), "");
  EXPECT_THAT(two->log, HasSubstr("no hello in time"));
}

TEST_F(PeerTransportTest, OfTooManyStrangersTheOldestGoes) {
  two = std::make_unique<Node>(2, loop);
  std::vector<int> fds;
  for (size_t i = 0; i < PeerAcceptor::kCallersMax + 1; ++i) {  // one past the limit
    fds.push_back(connect_raw(*two));
    run_for(1ms);  // accepted in this order
  }
  EXPECT_EQ(read_until_hang_up(fds.front()), "");
  fds.erase(fds.begin());
  char byte;
  for (const int fd : fds) {
    EXPECT_EQ(recv(fd, &byte, 1, 0), -1);
    EXPECT_EQ(errno, EAGAIN);
    close(fd);
  }
  EXPECT_THAT(two->log, HasSubstr("do not say who they are"));
}

TEST_F(PeerTransportTest, TheAddressWithMostStrangersLosesItsOldest) {
  two = std::make_unique<Node>(2, loop, "0.0.0.0:0");
  const auto call_from = [&](const std::string& host) {
    const SocketAddress to = resolve("127.0.0.1:" + std::to_string(two->transport->port())).value();
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const SocketAddress from = resolve(host + ":0").value();
    CHECK(bind(fd, from.get(), from.bytes) == 0);
    CHECK(connect(fd, to.get(), to.bytes) == 0 || errno == EINPROGRESS);
    run_for(1ms);
    return fd;
  };
  const int lonely = call_from("127.0.0.9");  // the oldest of all
  std::vector<int> flood;
  for (size_t i = 0; i < PeerAcceptor::kCallersMax; ++i) flood.push_back(call_from("127.0.0.8"));
  EXPECT_EQ(read_until_hang_up(flood.front()), "");
  char byte;
  EXPECT_EQ(recv(lonely, &byte, 1, 0), -1);
  EXPECT_EQ(errno, EAGAIN);
  close(lonely);
  for (size_t i = 1; i < flood.size(); ++i) close(flood[i]);
}

// Sixty-four were enough to keep everyone else out, for as long as they were opened again.
TEST_F(PeerTransportTest, NinetyIdleStrangersThatAlwaysComeBackKeepNoPeerOut) {
  one = std::make_unique<Node>(1, loop);
  two = std::make_unique<Node>(2, loop);
  std::vector<int> strangers(90, -1);
  const auto call_again = [&] {
    for (int& fd : strangers) {
      char byte;
      if (fd >= 0 && (recv(fd, &byte, 1, 0) != 0)) continue;  // still open
      if (fd >= 0) close(fd);
      fd = connect_raw(*two);
    }
  };
  for (int i = 0; i < 20; ++i) {
    call_again();
    run_for(1ms);
  }
  introduce();
  ASSERT_TRUE(wait([&] {
    call_again();
    return one->has_both(2) && two->has_both(1);
  }));
  EXPECT_EQ(one->refusals.size(), 0u) << "at the first attempt";
  for (const int fd : strangers) close(fd);
}

TEST_F(PeerTransportTest, ADialerNoticesThatAnotherNodeAnswers) {
  one = std::make_unique<Node>(1, loop);
  two = std::make_unique<Node>(3, loop);  // stands where 2 should
  ASSERT_TRUE(two->transport->set_peer_address(NodeId(1), one->address()).ok());
  ASSERT_TRUE(one->transport->set_peer_address(NodeId(2), two->address()).ok());
  const std::string told = "node 1 called node 2, and node 3 answers there";
  ASSERT_TRUE(wait([&] { return two->log.find(told) != std::string::npos; }));
  ASSERT_TRUE(wait([&] { return one->log.find(told) != std::string::npos; }));
  EXPECT_EQ(one->events, "");
  EXPECT_EQ(two->events, "");
}

TEST_F(PeerTransportTest, AnOversizedLengthClosesOnlyThatConnectionAndTheLimitItselfPasses) {
  start();
  two->events.clear();
  const int raw = connect_raw(*two);
  write_raw(raw, calls(1, 2, kBulk));  // takes the bulk link over
  ASSERT_TRUE(wait([&] { return two->events == "-1b +1b "; }));
  const uint32_t too_long = wire::kFrameBytesMax + 1;
  write_raw(raw, std::string(reinterpret_cast<const char*>(&too_long), 4) + "xyz");
  EXPECT_EQ(read_until_hang_up(raw), answer(2, 1, kBulk));
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

// ---- names ----

TEST_F(PeerTransportTest, ANameIsLookedUpAtEveryAttemptAndAllItsAddressesAreTried) {
  two = std::make_unique<Node>(2, loop);
  std::atomic<int> asked = 0;
  const SocketAddress right = resolve(two->address()).value();
  one = std::make_unique<Node>(1, loop, "127.0.0.1:0", [&](PeerTransportOptions& o) {
    o.resolve = [&, right](const std::string& name) -> Result<std::vector<SocketAddress>> {
      EXPECT_EQ(name, "a-node.example:17001");
      if (++asked <= 4) return Error{ErrorCode::kNotFound, "cannot resolve a-node.example: no such name"};
      if (asked <= 8) return std::vector{numeric_address("127.0.0.1:1").value()};
      return std::vector{numeric_address("127.0.0.1:1").value(), right};  // the first one is dead
    };
  });
  ASSERT_TRUE(two->transport->set_peer_address(NodeId(1), one->address()).ok());
  ASSERT_TRUE(one->transport->set_peer_address(NodeId(2), "a-node.example:17001").ok());
  ASSERT_TRUE(wait([&] { return one->has_both(2) && two->has_both(1); }));
  EXPECT_THAT(one->log, HasSubstr("no such name; will keep trying"));
  EXPECT_THAT(one->log, HasSubstr("Connection refused; will keep trying"));
  EXPECT_GE(asked, 9);
}

TEST_F(PeerTransportTest, ALookUpThatTakesForeverHoldsUpNobodyElse) {
  two = std::make_unique<Node>(2, loop);
  auto is_over = std::make_shared<std::atomic<bool>>(false);
  one = std::make_unique<Node>(1, loop, "127.0.0.1:0", [&](PeerTransportOptions& o) {
    o.resolve = [is_over](const std::string&) -> Result<std::vector<SocketAddress>> {
      while (!*is_over) std::this_thread::sleep_for(1ms);
      return Error{ErrorCode::kNotFound, "nobody knows"};
    };
  });
  ASSERT_TRUE(one->transport->set_peer_address(NodeId(3), "no-answer.example:17001").ok());
  introduce();
  ASSERT_TRUE(wait([&] { return one->has_both(2) && two->has_both(1); }));
  one.reset();  // with the look-ups under way
  *is_over = true;
  run_for(20ms);
}

// ---- ports ----

// What is left of a connection keeps a port for a minute; a node that was killed must be back at once.
TEST_F(PeerTransportTest, AConnectionThatHasThePortOfANodeThatIsDownDoesNotKeepItFromListening) {
  one = std::make_unique<Node>(1, loop);
  const int lender = listen_on(resolve("127.0.0.1:0").value(), "lender").value();
  const uint16_t port = local_port(lender);
  close(lender);
  const SocketAddress own = resolve("127.0.0.1:" + std::to_string(port)).value();
  // As start_connect() does it, with the port that the kernel might have chosen.
  const int dialing = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(dialing, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ASSERT_EQ(bind(dialing, own.get(), own.bytes), 0);
  const SocketAddress to = resolve(one->address()).value();
  ASSERT_TRUE(connect(dialing, to.get(), to.bytes) == 0 || errno == EINPROGRESS);
  run_for(2ms);
  const Result<int> listener = listen_on(own, "own");
  EXPECT_TRUE(listener.ok()) << listener.error().message;
  if (listener.ok()) close(*listener);
  close(dialing);
}

TEST_F(PeerTransportTest, AConnectionToItselfIsRecognizedAndLeavesNothingBehind) {
  const int lender = listen_on(resolve("127.0.0.1:0").value(), "lender").value();
  const uint16_t port = local_port(lender);
  close(lender);
  const SocketAddress own = resolve("127.0.0.1:" + std::to_string(port)).value();
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  ASSERT_EQ(bind(fd, own.get(), own.bytes), 0);
  ASSERT_TRUE(connect(fd, own.get(), own.bytes) == 0 || errno == EINPROGRESS);
  std::string failure;
  {
    PeerHandshake handshake(loop, fd, Hello{}, 1s, [&](const Result<Hello>& result) {
      failure = result.ok() ? "answered itself" : result.error().message;
    });
    ASSERT_TRUE(wait([&] { return !failure.empty(); }));
  }
  EXPECT_EQ(failure, "nobody listens there");
  const Result<int> listener = listen_on(own, "own");
  EXPECT_TRUE(listener.ok()) << listener.error().message;
  if (listener.ok()) close(*listener);
}

TEST(PeerHello, SurvivesTheRoundTripAndNothingShorterIsAccepted) {
  Hello one{HelloKind::kRefusal, kBulk, NodeId(3), NodeId(UINT64_MAX), "me", {{}, "because", "see"}};
  const std::string bytes = encode(one);
  const std::string_view header = std::string_view(bytes).substr(0, kHelloHeaderBytes);
  const std::string body = bytes.substr(kHelloHeaderBytes);
  EXPECT_EQ(decode_hello_header(header).value(), body.size());
  for (size_t i = 0; i < header.size(); ++i) EXPECT_FALSE(decode_hello_header(header.substr(0, i)).ok());
  for (const std::string& whole : {body, body + "of a later version"}) {
    const Hello decoded = decode_hello_body(whole).value();
    EXPECT_EQ(decoded.kind, one.kind);
    EXPECT_EQ(decoded.channel, one.channel);
    EXPECT_EQ(decoded.sender, one.sender);
    EXPECT_EQ(decoded.target, one.target);
    EXPECT_EQ(decoded.introduction, one.introduction);
    EXPECT_EQ(decoded.refusal.reason, one.refusal.reason);
    EXPECT_EQ(decoded.refusal.proof, one.refusal.proof);
  }
  for (size_t i = 0; i < body.size(); ++i) EXPECT_FALSE(decode_hello_body(body.substr(0, i)).ok());
  one.sender = NodeId();
  EXPECT_FALSE(decode_hello_body(std::string_view(encode(one)).substr(kHelloHeaderBytes)).ok());
}

TEST(PeerHello, AReasonIsOneLineAndNotTooLong) {
  Hello one{HelloKind::kRefusal, kBulk, NodeId(3),
            NodeId(4),           "",    {{}, "a\r\nraft_role:leader" + std::string(5000, 'x'), ""}};
  const std::string reason =
      decode_hello_body(std::string_view(encode(one)).substr(kHelloHeaderBytes)).value().refusal.reason;
  EXPECT_TRUE(reason.starts_with("a  raft_role:leader"));
  EXPECT_EQ(reason.size(), 1024u);
}

TEST(PeerHello, AnAnnouncedLengthIsBounded) {
  std::string header = encode(Hello{}).substr(0, kHelloHeaderBytes);
  for (const uint32_t bytes : {uint32_t{kHelloBodyBytesMax}, uint32_t{kHelloBodyBytesMax} + 1, UINT32_MAX}) {
    header.replace(12, 4, reinterpret_cast<const char*>(&bytes), 4);
    EXPECT_EQ(decode_hello_header(header).ok(), bytes <= kHelloBodyBytesMax);
  }
}

}  // namespace
}  // namespace torc::net
