#include "kv/refusal.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace torc::kv {
namespace {

TEST(Refusal, NumbersStandInMessagesAndAreNeverReused) {
  EXPECT_FALSE(refusal_of(0));
  for (uint8_t number = 1; number <= static_cast<uint8_t>(kRefusalLast); ++number) {
    EXPECT_EQ(static_cast<uint8_t>(*refusal_of(number)), number);
  }
  EXPECT_FALSE(refusal_of(static_cast<uint8_t>(kRefusalLast) + 1));
  EXPECT_FALSE(refusal_of(255));
  EXPECT_EQ(refusal_of(1), Refusal::kUnknownOutcome);
  EXPECT_EQ(refusal_of(13), Refusal::kDiskFull);
  EXPECT_EQ(refusal_of(19), Refusal::kNotBorn);
  EXPECT_EQ(refusal_of(20), Refusal::kNotHere);
  EXPECT_EQ(refusal_of(21), Refusal::kCrossSlot);
}

TEST(Refusal, EachHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (uint8_t number = 1; number <= static_cast<uint8_t>(kRefusalLast); ++number) {
    names.insert(name_of(*refusal_of(number)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kRefusalLast));
}

// A write that was executed and is called refused is executed twice by whoever sends it again.
TEST(Refusal, WhatMayBeExecutedIsNotDefinite) {
  for (const Refusal perhaps :
       {Refusal::kUnknownOutcome, Refusal::kNoAnswer, Refusal::kAnswerUnreadable, Refusal::kUnknownSession,
        Refusal::kReplyNotKept, Refusal::kSendSameCallAgain, Refusal::kSendUnanswered}) {
    EXPECT_FALSE(is_definite(perhaps)) << name_of(perhaps);
    EXPECT_FALSE(is_about_all_copies(perhaps)) << name_of(perhaps);
  }
  for (const Refusal certain : {Refusal::kNotExecuted, Refusal::kNoMajority, Refusal::kNoLeader, Refusal::kDiskFull,
                                Refusal::kOutOfMemory, Refusal::kOverloaded, Refusal::kNotBorn, Refusal::kNotHere}) {
    EXPECT_TRUE(is_definite(certain)) << name_of(certain);
  }
}

TEST(Refusal, OnlyALeaderThatLooksAtLabelsRefusesAllCopies) {
  EXPECT_TRUE(is_about_all_copies(Refusal::kDiskFull));
  EXPECT_TRUE(is_about_all_copies(Refusal::kDisksFull));
  EXPECT_TRUE(is_about_all_copies(Refusal::kOutOfMemory));
  EXPECT_FALSE(is_about_all_copies(Refusal::kOverloaded)) << "refused before the label is looked at";
  EXPECT_FALSE(is_about_all_copies(Refusal::kNotExecuted)) << "this entry was lost, another may not be";
}

}  // namespace
}  // namespace torc::kv
