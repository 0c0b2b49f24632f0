// docs/recipes.md, done: a lock whose holder may be paused for as long as it pleases.
#include <gtest/gtest.h>

#include "cluster.h"

namespace torc::integration {
namespace {

constexpr const char* kLock = "lock:job";
constexpr const char* kData = "data:job";

/// A holder of the lock, as the recipe has it. Each keeps to one node.
class Holder {
 public:
  Holder(const Cluster& cluster, NodeNumber node, std::string name)
      : client_(cluster.connect(node, Millis(20000))), name_(std::move(name)) {}

  /// True if the lock was free.
  bool take(Millis time_to_live) {
    const auto set = client_.call({"SET", kLock, name_, "NX", "PX", std::to_string(time_to_live.count())});
    if (!set || !set->is_ok()) return false;
    token_ = integer({"VERSION", kLock});
    const auto holder = client_.call({"GET", kLock});
    return holder && holder->text == name_;
  }
  /// Reads the guarded value; false if it was written by a later holder.
  bool read() {
    version_ = integer({"VERSION", kData});
    const auto value = client_.call({"GET", kData});
    if (!value || value->is_nil()) return true;
    const size_t colon = value->text.find(':');
    payload_ = value->text.substr(colon + 1);
    return std::stoll(value->text.substr(0, colon)) <= token_;
  }
  /// The command that writes `payload` over what read() saw.
  std::vector<std::string> write_of(const std::string& payload) const {
    return {"CASVERSION", kData, std::to_string(version_), std::to_string(token_) + ":" + payload};
  }
  /// Reads, then writes; true if that was done as the newest holder.
  bool write(const std::string& payload) { return read() && integer(write_of(payload)) == 1; }
  bool put_fence_up() { return read() && integer(write_of(payload_)) == 1; }

  RespClient& client() { return client_; }
  int64_t token() const { return token_; }

 private:
  int64_t integer(const std::vector<std::string>& words) {
    const auto reply = client_.call(words);
    EXPECT_TRUE(reply && reply->kind == Reply::Kind::kInteger) << words[0] << ": " << reply;
    return reply ? reply->integer : -1;
  }

  RespClient client_;
  const std::string name_;
  int64_t token_ = 0;
  int64_t version_ = 0;
  std::string payload_;
};

bool is_free_within(Cluster& cluster, NodeNumber node, Millis timeout) {
  return holds_within(timeout, [&] {
    const auto lock = cluster.connect(node).call({"EXISTS", kLock});
    return lock && lock->integer == 0;
  });
}

TEST(Recipe, APausedHolderCannotWriteAfterItsLockWasTakenOver) {
  Cluster cluster;
  const NodeNumber leader = cluster.wait_for_leader();
  const NodeNumber paused = leader % 3 + 1;
  const NodeNumber other = paused % 3 + 1;  // neither of them
  Holder first(cluster, paused, "first");
  ASSERT_TRUE(first.take(Millis(1000)));
  ASSERT_TRUE(first.put_fence_up());
  ASSERT_TRUE(first.write("one"));
  ASSERT_TRUE(first.read());

  // Its next write waits where the network, the machine or a collector of garbage may hold it up for any time.
  cluster.pause(paused);
  ASSERT_TRUE(first.client().send(first.write_of("late")));
  ASSERT_TRUE(is_free_within(cluster, other, Millis(20000)));
  Holder second(cluster, other, "second");
  ASSERT_TRUE(second.take(Millis(60000)));
  EXPECT_GT(second.token(), first.token());
  ASSERT_TRUE(second.put_fence_up());
  cluster.resume(paused);

  const auto late = first.client().receive(Millis(20000));
  ASSERT_TRUE(late && late->kind == Reply::Kind::kInteger) << late;
  EXPECT_EQ(late->integer, 0);
  EXPECT_FALSE(first.write("later")) << "it finds the larger token";
  ASSERT_TRUE(second.write("two"));
  const auto value = cluster.connect(leader).call({"GET", kData});
  ASSERT_TRUE(value);
  EXPECT_EQ(value->text, std::to_string(second.token()) + ":two");
}

TEST(Recipe, WithoutTheTokenThePausedHolderOverwritesItsSuccessor) {
  Cluster cluster;
  const NodeNumber leader = cluster.wait_for_leader();
  const NodeNumber paused = leader % 3 + 1;
  Holder first(cluster, paused, "first");
  ASSERT_TRUE(first.take(Millis(1000)));
  cluster.pause(paused);
  ASSERT_TRUE(first.client().send({"SET", kData, "late"}));
  ASSERT_TRUE(is_free_within(cluster, leader, Millis(20000)));
  Holder second(cluster, leader, "second");
  ASSERT_TRUE(second.take(Millis(60000)));
  ASSERT_TRUE(second.client().call({"SET", kData, "two"}));
  cluster.resume(paused);
  ASSERT_TRUE(first.client().receive(Millis(20000)));
  const auto value = cluster.connect(leader).call({"GET", kData});
  ASSERT_TRUE(value);
  EXPECT_EQ(value->text, "late") << "what the recipe is for";
}

TEST(Recipe, OnlyOneOfManyHoldsTheLockAndEachTokenIsLargerThanTheLast) {
  Cluster cluster;
  int64_t last = 0;
  for (int round = 0; round < 5; ++round) {
    std::vector<Holder> holders;
    for (NodeNumber node = 1; node <= 3; ++node) {
      holders.emplace_back(cluster, node, std::to_string(round) + "/" + std::to_string(node));
    }
    int taken = 0;
    for (Holder& holder : holders) {
      if (!holder.take(Millis(60000))) continue;
      ++taken;
      EXPECT_GT(holder.token(), last);
      last = holder.token();
    }
    EXPECT_EQ(taken, 1);
    ASSERT_TRUE(cluster.connect(1).call({"DEL", kLock}));
  }
}

}  // namespace
}  // namespace torc::integration
