// What do malformed, oversized, nested, truncated and slow bytes do to a real node, and to its other clients?
#include <gtest/gtest.h>

#include "bystander.h"
#include "cluster.h"

namespace torc::integration {
namespace {

constexpr uint64_t kMiB = 1 << 20;

TEST(HostileClient, MalformedBytesGetAClearErrorAndOthersAreUndisturbed) {
  Cluster cluster({.nodes = 1});
  Bystander bystander(cluster.address(1));
  std::string nested;
  for (int i = 0; i < 100000; ++i) nested += "*1\r\n";
  const std::pair<const char*, std::string> cases[] = {
      {"array length over the limit", "*2147483648\r\n"},
      {"array length beyond 64 bits", "*99999999999999999999\r\n"},
      {"array length that is no number", "*x\r\n"},
      {"bulk length over the limit", "*1\r\n$99999999999\r\n"},
      {"bulk length that overflows when CRLF is added", "*1\r\n$9223372036854775807\r\n"},
      {"negative bulk length", "*1\r\n$-5\r\n"},
      {"an integer where a bulk string belongs", "*2\r\n:5\r\n"},
      {"deep nesting", nested},
      {"inline command without an end", std::string(128 << 10, 'a')},
      {"unbalanced quotes", "SET a \"b\r\n"},
      {"an unknown command", "*1\r\n$7\r\nNOSUCH!\r\n"},
      {"a known command with too few arguments", "*1\r\n$3\r\nGET\r\n"},
  };
  for (const auto& [name, bytes] : cases) {
    RespClient client = cluster.connect(1);
    client.send_bytes(bytes);
    const auto reply = client.receive(Millis(3000));
    EXPECT_TRUE(reply) << name << ": no answer";
    if (!reply) continue;
    EXPECT_TRUE(reply->is_error()) << name << ": " << reply;
    EXPECT_EQ(reply->text.substr(0, 3), "ERR") << name << ": " << reply;
  }
  bystander.expect_undisturbed(Millis(1500));
  EXPECT_TRUE(cluster.process(1).is_running());
}

TEST(HostileClient, AnnouncedButUnsentBytesCostNoMemory) {
  constexpr int kClients = 200;
  Cluster cluster({.nodes = 1});
  Bystander bystander(cluster.address(1));
  const uint64_t before = cluster.process(1).resident_bytes();
  std::vector<RespClient> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(cluster.connect(1));
    // A megabyte of arguments, the first of them thirty megabytes: 6 GB if anybody believed it.
    clients.back().send_bytes("*1000000\r\n$31457280\r\nab");
  }
  sleep_for(Millis(500));
  EXPECT_LT(cluster.process(1).resident_bytes(), before + 64 * kMiB);
  bystander.expect_undisturbed(Millis(1500));
}

TEST(HostileClient, ACommandThatArrivesByteByByteIsExecutedAndATruncatedOneIsNot) {
  Cluster cluster({.nodes = 1});
  RespClient slow = cluster.connect(1);
  for (const char byte : RespClient::encode({"SET", "slow", "value"})) {
    ASSERT_TRUE(slow.send_bytes(std::string_view(&byte, 1)));
    sleep_for(Millis(2));
  }
  const auto written = slow.receive();
  ASSERT_TRUE(written && written->is_ok()) << written;
  {
    RespClient truncated = cluster.connect(1);
    const std::string whole = RespClient::encode({"SET", "slow", "other"});
    truncated.send_bytes(std::string_view(whole).substr(0, whole.size() - 3));
  }
  sleep_for(Millis(100));
  const auto read = cluster.connect(1).call({"GET", "slow"});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->text, "value");
}

TEST(HostileClient, AClientThatNeverReadsItsRepliesCostsBoundedMemory) {
  constexpr int kReads = 1000;
  constexpr uint64_t kValueBytes = kMiB;
  Cluster cluster({.nodes = 1});
  Bystander bystander(cluster.address(1));
  RespClient client = cluster.connect(1);
  const auto written = client.call({"SET", "large", std::string(kValueBytes, 'x')});
  ASSERT_TRUE(written && written->is_ok()) << written;
  const uint64_t before = cluster.process(1).resident_bytes();
  const std::string request = RespClient::encode({"GET", "large"});
  for (int i = 0; i < kReads; ++i) client.send_without_waiting(request);  // a gigabyte of replies is asked for
  uint64_t most = 0;
  for (int i = 0; i < 20; ++i) {
    most = std::max(most, cluster.process(1).resident_bytes());
    sleep_for(Millis(50));
  }
  EXPECT_LT(most, before + 256 * kMiB);
  bystander.expect_undisturbed(Millis(1500));
}

TEST(HostileClient, AStreamOfNoiseEndsWithAnErrorOrAClosedConnectionNeverWithADeadNode) {
  constexpr int kConnections = 300;
  Cluster cluster({.nodes = 1});
  Bystander bystander(cluster.address(1));
  uint64_t state = 88172645463325252u;  // xorshift64: the same noise in every run
  for (int i = 0; i < kConnections; ++i) {
    std::string noise = i % 3 == 0 ? "*3\r\n$3\r\nSET\r\n" : "";
    for (int byte = 0; byte < 2000; ++byte) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      constexpr std::string_view kLikely = "*$+-:\r\n0123456789";
      noise += (state & 3) == 0 ? static_cast<char>(state >> 8) : kLikely[(state >> 8) % kLikely.size()];
    }
    RespClient client = cluster.connect(1);
    client.send_bytes(noise);
  }
  bystander.expect_undisturbed(Millis(1500));
  EXPECT_TRUE(cluster.process(1).is_running());
}

TEST(HostileClient, BytesThatAreNoPeerMessageOnThePeerPortDisturbNobody) {
  Cluster cluster;
  Bystander bystander(cluster.address(1));
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    for (const std::string& bytes : {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(4096, '\xff'),
                                     std::string(100, '\0'), std::string("\xff\xff\xff\x7f", 4) + "short"}) {
      RespClient client = RespClient::connect(cluster.peer_address(node), Millis(2000));
      ASSERT_TRUE(client.is_open());
      client.send_bytes(bytes);
    }
  }
  sleep_for(Millis(300));
  bystander.expect_undisturbed(Millis(1500));
  for (NodeNumber node = 1; node <= cluster.size(); ++node) EXPECT_TRUE(cluster.process(node).is_running());
}

}  // namespace
}  // namespace torc::integration
