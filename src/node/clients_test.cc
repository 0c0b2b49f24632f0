#include "node/clients.h"

#include <gtest/gtest.h>

namespace torc::node {
namespace {

class Port final : public ClientPort {
 public:
  std::vector<Ticket> answered;
  kv::ReplySink& begin_reply(Ticket) override { return sink_; }
  void end_reply(Ticket ticket) override { answered.push_back(ticket); }

 private:
  kv::NullSink sink_;
};

Clients::Deferred deferred(Ticket ticket, bool is_write) { return {ticket, is_write, CommandCopy(), std::nullopt}; }

TEST(Clients, ReadsAndWritesOfAClientAreNeverUnderWayTogether) {
  Clients clients;
  Port port;
  const ClientId client = clients.open(port);
  ASSERT_TRUE(clients.can_start(client, true));
  clients.start(client, true);
  EXPECT_TRUE(clients.can_start(client, true));
  EXPECT_FALSE(clients.can_start(client, false));
}

TEST(Clients, CommandsBehindADeferredOneWaitEvenIfTheyCouldRun) {
  Clients clients;
  Port port;
  const ClientId client = clients.open(port);
  clients.start(client, true);
  clients.defer(client, deferred(2, false));
  EXPECT_FALSE(clients.can_start(client, true));
}

TEST(Clients, DeferredCommandsStartInOrderWhenTheRunEnds) {
  Clients clients;
  Port port;
  const ClientId client = clients.open(port);
  clients.start(client, true);
  clients.defer(client, deferred(2, false));
  clients.defer(client, deferred(3, false));
  clients.defer(client, deferred(4, true));
  EXPECT_FALSE(clients.next_startable(client).has_value());
  clients.end({client, 1});
  ASSERT_EQ(clients.take_runnable(), std::vector<ClientId>{client});
  EXPECT_EQ(clients.next_startable(client)->ticket, 2u);
  clients.start(client, false);
  EXPECT_EQ(clients.next_startable(client)->ticket, 3u);
  EXPECT_FALSE(clients.next_startable(client).has_value()) << "a write must wait for the read under way";
}

TEST(Clients, BytesOfDeferredCommandsAreCountedUntilTheyStartOrTheirClientLeaves) {
  Clients clients;
  Port port;
  const std::vector<std::string_view> args{"key", "value"};
  for (const bool leaves : {false, true}) {
    const ClientId client = clients.open(port);
    clients.start(client, true);
    clients.defer(client, {2, false, CommandCopy({kv::CommandId::kGet, args}), std::nullopt});
    EXPECT_EQ(clients.deferred_bytes(), 8u);
    clients.end({client, 1});
    if (leaves) {
      clients.close(client);
    } else {
      EXPECT_TRUE(clients.next_startable(client).has_value());
    }
    EXPECT_EQ(clients.deferred_bytes(), 0u);
  }
}

TEST(Clients, AnswersForAClientThatLeftReachNobody) {
  Clients clients;
  Port first, second;
  const ClientId gone = clients.open(first);
  clients.start(gone, true);
  clients.close(gone);
  const ClientId next = clients.open(second);  // takes the same slot
  EXPECT_NE(gone, next);
  clients.begin({gone, 1}).ok();
  clients.end({gone, 1});
  EXPECT_TRUE(first.answered.empty());
  EXPECT_TRUE(second.answered.empty());
  EXPECT_EQ(clients.pending(next), 0u);
}

}  // namespace
}  // namespace torc::node
