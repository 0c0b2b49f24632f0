#include "node/client_turns.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace torc::node {
namespace {

constexpr auto kAnything = [](const std::string&) { return true; };

std::vector<std::string> drain(ClientTurns<std::string>& turns) {
  std::vector<std::string> items;
  while (auto item = turns.take(kAnything)) items.push_back(*item);
  return items;
}

TEST(ClientTurns, ClientsAlternateAndEachKeepsItsOrder) {
  ClientTurns<std::string> turns;
  for (const char* item : {"a1", "a2", "a3", "a4"}) turns.push(ClientId(1), item);
  turns.push(ClientId(2), "b1");
  turns.push(ClientId(3), "c1");
  turns.push(ClientId(3), "c2");
  EXPECT_EQ(turns.size(), 7u);
  EXPECT_EQ(drain(turns), (std::vector<std::string>{"a1", "b1", "c1", "a2", "c2", "a3", "a4"}));
  EXPECT_TRUE(turns.empty());
}

TEST(ClientTurns, WhoComesNewWaitsForOneTurnOfEachOther) {
  ClientTurns<std::string> turns;
  for (const char* item : {"a1", "a2", "a3"}) turns.push(ClientId(1), item);
  EXPECT_EQ(*turns.take(kAnything), "a1");
  turns.push(ClientId(2), "b1");
  EXPECT_EQ(drain(turns), (std::vector<std::string>{"a2", "b1", "a3"}));
}

TEST(ClientTurns, AClientThatMayNotGoIsPassedOverAndKeepsItsTurn) {
  ClientTurns<std::string> turns;
  turns.push(ClientId(1), "large");
  turns.push(ClientId(1), "a2");
  turns.push(ClientId(2), "b1");
  const auto is_small = [](const std::string& item) { return item != "large"; };
  EXPECT_EQ(*turns.take(is_small), "b1");
  EXPECT_FALSE(turns.take(is_small));
  EXPECT_EQ(drain(turns), (std::vector<std::string>{"large", "a2"}));
}

TEST(ClientTurns, WhatIsOverIsTakenFromTheFrontOfEveryClient) {
  ClientTurns<std::string> turns;
  for (const char* item : {"x", "x", "a"}) turns.push(ClientId(1), item);
  turns.push(ClientId(2), "x");
  for (const char* item : {"c", "x"}) turns.push(ClientId(3), item);
  size_t taken = 0;
  turns.take_while([](const std::string& item) { return item == "x"; }, [&](std::string) { ++taken; });
  EXPECT_EQ(taken, 3u) << "only from the fronts";
  EXPECT_EQ(drain(turns), (std::vector<std::string>{"a", "c", "x"}));
}

}  // namespace
}  // namespace torc::node
