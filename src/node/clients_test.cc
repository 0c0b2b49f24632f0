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

constexpr GroupId kGroup(1);
constexpr GroupId kOther(2);

KeptRequest deferred(ClientId client, Ticket ticket, bool is_write, const kv::CommandView& command = {},
                     GroupId group = kGroup) {
  return KeptRequest({.waiter = {client, ticket}, .group = group, .command = command, .is_write = is_write});
}

KeptRequest deferred(ClientId client, Ticket ticket, bool is_write, GroupId group) {
  return deferred(client, ticket, is_write, {}, group);
}

TEST(Clients, ReadsAndWritesOfAClientAreNeverUnderWayTogether) {
  Clients clients;
  Port port;
  const ClientId client = clients.open(port);
  ASSERT_TRUE(clients.can_start(client, kGroup, true));
  clients.start({client, 1}, kGroup, true);
  EXPECT_TRUE(clients.can_start(client, kGroup, true));
  EXPECT_FALSE(clients.can_start(client, kGroup, false));
}

TEST(Clients, CommandsBehindADeferredOneWaitEvenIfTheyCouldRun) {
  Clients clients;
  Port port;
  const ClientId client = clients.open(port);
  clients.start({client, 1}, kGroup, true);
  clients.defer(deferred(client, 2, false));
  EXPECT_FALSE(clients.can_start(client, kGroup, true));
}

TEST(Clients, DeferredCommandsStartInOrderWhenTheRunEnds) {
  Clients clients;
  Port port;
  const ClientId client = clients.open(port);
  clients.start({client, 1}, kGroup, true);
  clients.defer(deferred(client, 2, false));
  clients.defer(deferred(client, 3, false));
  clients.defer(deferred(client, 4, true));
  EXPECT_FALSE(clients.next_startable(client).has_value());
  clients.end({client, 1});
  ASSERT_EQ(clients.take_runnable(), std::vector<ClientId>{client});
  EXPECT_EQ(clients.next_startable(client)->request().waiter.ticket, 2u);
  clients.start({client, 2}, kGroup, false);
  EXPECT_EQ(clients.next_startable(client)->request().waiter.ticket, 3u);
  EXPECT_FALSE(clients.next_startable(client).has_value()) << "a write must wait for the read under way";
}

TEST(Clients, CommandsForDifferentGroupsRunSideBySideAndEachGroupKeepsItsOrder) {
  Clients clients;
  Port port;
  const ClientId client = clients.open(port);
  clients.start({client, 1}, kGroup, true);
  ASSERT_FALSE(clients.can_start(client, kGroup, false));
  clients.defer(deferred(client, 2, false));
  EXPECT_TRUE(clients.can_start(client, kOther, false)) << "another group's commands wait for none of this one's";
  clients.start({client, 3}, kOther, false);
  clients.defer(deferred(client, 4, true, kOther));
  clients.end({client, 3});
  ASSERT_EQ(clients.take_runnable(), std::vector<ClientId>{client});
  EXPECT_EQ(clients.next_startable(client)->request().waiter.ticket, 4u) << "past an older one of the other group";
  EXPECT_FALSE(clients.next_startable(client).has_value());
  EXPECT_EQ(clients.pending(client), 2u);
}

TEST(Clients, ACommandForEveryGroupRunsAloneAndInItsPlace) {
  Clients clients;
  Port port;
  const ClientId client = clients.open(port);
  clients.start({client, 1}, kGroup, true);
  EXPECT_FALSE(clients.can_start(client, kEveryGroup, true)) << "writes of a group are not ordered with those of all";
  clients.defer(deferred(client, 2, true, kEveryGroup));
  for (const GroupId group : {kGroup, kOther}) EXPECT_FALSE(clients.can_start(client, group, true));
  clients.defer(deferred(client, 3, true, kOther));
  clients.defer(deferred(client, 4, true));
  EXPECT_FALSE(clients.next_startable(client).has_value());
  clients.end({client, 1});
  ASSERT_EQ(clients.take_runnable(), std::vector<ClientId>{client});
  EXPECT_EQ(clients.next_startable(client)->request().waiter.ticket, 2u);
  clients.start({client, 2}, kEveryGroup, true);
  EXPECT_FALSE(clients.next_startable(client).has_value());
  clients.end({client, 2});
  ASSERT_EQ(clients.take_runnable(), std::vector<ClientId>{client});
  std::vector<Ticket> later;
  while (const auto next = clients.next_startable(client)) later.push_back((*next)->waiter.ticket);
  EXPECT_EQ(later, (std::vector<Ticket>{4, 3})) << "one per group";
  EXPECT_EQ(clients.held_bytes(), 0u);
}

TEST(Clients, WhoLeavesForgetsWhatWaitsInEveryGroupAndBehindAll) {
  Clients clients;
  Port port;
  const ClientId client = clients.open(port);
  clients.start({client, 1}, kGroup, true, 100);
  clients.defer(deferred(client, 2, false));
  clients.defer(deferred(client, 3, true, kEveryGroup));
  clients.defer(deferred(client, 4, true, kOther));
  clients.close(client);
  EXPECT_EQ(clients.held_bytes(), 100u);
  clients.end({client, 1});
  EXPECT_EQ(clients.held_bytes(), 0u);
}

TEST(Clients, BytesOfWaitingCommandsAreCountedUntilTheyEndOrTheirClientLeaves) {
  Clients clients;
  Port port;
  const std::vector<std::string_view> args{"key", "value"};
  const size_t bytes = footprint({kv::CommandId::kGet, args});
  EXPECT_GT(bytes, 8u + 2 * sizeof(std::string_view));
  for (const bool leaves : {false, true}) {
    const ClientId client = clients.open(port);
    clients.start({client, 1}, kGroup, true, 1000);
    clients.defer(deferred(client, 2, false, {kv::CommandId::kGet, args}));
    EXPECT_EQ(clients.held_bytes(), 1000 + bytes);
    if (leaves) {
      clients.close(client);
      EXPECT_EQ(clients.held_bytes(), 1000u) << "what is under way still takes its memory";
      clients.end({client, 1});
    } else {
      clients.end({client, 1});
      EXPECT_EQ(clients.held_bytes(), bytes);
      EXPECT_TRUE(clients.next_startable(client).has_value());
    }
    EXPECT_EQ(clients.held_bytes(), 0u);
  }
}

TEST(Clients, WhoeverEndsGivesItsOwnBytesBack) {
  Clients clients;
  Port port;
  const ClientId client = clients.open(port);
  for (Ticket ticket = 1; ticket <= 4; ++ticket) clients.start({client, ticket}, kGroup, true, ticket * 1000);
  clients.end({client, 4});  // refused at once
  EXPECT_EQ(clients.held_bytes(), 6000u);
  clients.end({client, 2});
  EXPECT_EQ(clients.held_bytes(), 4000u);
  clients.end({client, 1});
  EXPECT_EQ(clients.held_bytes(), 3000u);
  clients.end({client, 3});
  EXPECT_EQ(clients.held_bytes(), 0u);
}

// Four clients with 64 MiB each had everybody else refused.
TEST(Clients, AClientMayHoldAsMuchAsItLeavesForOthers) {
  Clients clients(1000);
  Port port;
  const ClientId greedy = clients.open(port);
  const ClientId modest = clients.open(port);
  EXPECT_TRUE(clients.has_room(greedy, 500));
  EXPECT_FALSE(clients.has_room(greedy, 501));
  Ticket ticket = 0;
  while (clients.has_room(greedy, 50)) clients.start({greedy, ++ticket}, kGroup, true, 50);
  EXPECT_EQ(clients.held_bytes(), 500u);
  EXPECT_TRUE(clients.has_room(modest, 250));
  while (clients.has_room(modest, 50)) clients.start({modest, ++ticket}, kGroup, true, 50);
  EXPECT_EQ(clients.held_bytes(), 750u);
  EXPECT_FALSE(clients.has_room(greedy, 1));
  EXPECT_TRUE(clients.has_room(clients.open(port), 100));
  clients.end({modest, ticket});
  EXPECT_TRUE(clients.has_room(modest, 50));
}

TEST(Clients, TogetherTheyNeverHoldMoreThanTheLimitAndWhoComesNextHasRoom) {
  constexpr size_t kMax = 100'000;
  Clients clients(kMax);
  Port port;
  for (int i = 0; i < 9; ++i) {  // one after the other, each as much as it may
    const ClientId id = clients.open(port);
    EXPECT_TRUE(clients.has_room(id, 90)) << i;  // half of what is left each time
    Ticket ticket = 0;
    while (clients.has_room(id, 90)) clients.start({id, ++ticket}, kGroup, true, 90);
    ASSERT_LE(clients.held_bytes(), kMax);
  }
}

TEST(Clients, AClosedClientsCommandsHoldTheirBytesUntilTheyEnd) {
  Clients clients(1000);
  Port port;
  for (int i = 0; i < 3; ++i) {
    const ClientId client = clients.open(port);
    clients.start({client, 1}, kGroup, true, 500);
    clients.close(client);
    EXPECT_FALSE(clients.is_open(client));
    EXPECT_EQ(clients.held_bytes(), static_cast<size_t>(i + 1) * 500);
  }
  EXPECT_TRUE(port.answered.empty());
}

TEST(Clients, AnswersForAClientThatLeftReachNobody) {
  Clients clients;
  Port first, second;
  const ClientId gone = clients.open(first);
  clients.start({gone, 1}, kGroup, true);
  clients.close(gone);
  const ClientId next = clients.open(second);  // takes the same slot
  EXPECT_NE(gone, next);
  clients.begin({gone, 1}).ok();
  clients.end({gone, 1});
  EXPECT_TRUE(first.answered.empty());
  EXPECT_TRUE(second.answered.empty());
  EXPECT_EQ(clients.pending(next), 0u);
}

TEST(KeptRequest, ItsArgumentsOutliveTheirBufferAndEveryMove) {
  std::string buffer = "keyvalue";
  const std::vector<std::string_view> args{std::string_view(buffer).substr(0, 3), std::string_view(buffer).substr(3),
                                           ""};
  KeptRequest first({.waiter = {ClientId(1), 2},
                     .command = {kv::CommandId::kSet, args},
                     .is_write = true,
                     .label = kv::SessionCall{kv::SessionId(0, 3), 4, 5}});
  buffer.assign(buffer.size(), '#');
  std::deque<KeptRequest> queue;
  queue.push_back(std::move(first));
  queue.push_back(deferred(ClientId(1), 3, false));
  KeptRequest last = deferred(ClientId(1), 4, false);
  last = std::move(queue.front());
  queue.clear();
  EXPECT_EQ(last->command.id, kv::CommandId::kSet);
  ASSERT_EQ(last->command.args.size(), 3u);
  EXPECT_EQ(last->command.args[0], "key");
  EXPECT_EQ(last->command.args[1], "value");
  EXPECT_EQ(last->command.args[2], "");
  EXPECT_EQ(last->label->sequence, 4u);
  EXPECT_EQ(last.bytes(), footprint(last->command));
}

}  // namespace
}  // namespace torc::node
