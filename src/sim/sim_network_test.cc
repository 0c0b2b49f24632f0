#include "sim/sim_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace torc::sim {
namespace {

/// Writes down what it is told: "+1c" connected to 1 on control, "-1c" disconnected, else the frame.
struct Listener final : env::NetworkHandler {
  void on_frame(NodeId, env::Channel, Bytes body) override { log += std::string(body.view()) + " "; }
  void on_connected(NodeId peer, env::Channel channel) override { log += "+" + name(peer, channel) + " "; }
  void on_disconnected(NodeId peer, env::Channel channel) override { log += "-" + name(peer, channel) + " "; }
  std::optional<std::string> introduction() override { return "I am " + name_of; }
  env::Admission admit(NodeId, std::string_view, std::string_view introduction) override {
    EXPECT_NE(introduction, "I am " + name_of);
    if (answers.empty()) return {};
    const env::Admission answer = answers.front();
    answers.erase(answers.begin());
    return answer;
  }
  void on_refused(NodeId, const env::Refusal& refusal) override { refusals.push_back(refusal.reason); }
  static std::string name(NodeId peer, env::Channel channel) {
    return std::to_string(peer.value) + (channel == env::Channel::kControl ? "c" : "b");
  }
  std::string name_of;
  std::string log;
  std::vector<env::Admission> answers;  // to introductions; then everybody is welcome
  std::vector<std::string> refusals;
};

class TwoMachines : public ::testing::Test {
 protected:
  explicit TwoMachines(NetworkOptions options = {}) : network_(queue_, Prng(7), trace_, options) {
    for (size_t i = 0; i < 2; ++i) {
      ports_.push_back(&network_.add(NodeId(i + 1), processes_[i]));
      listeners_[i].name_of = std::to_string(i + 1);
      ports_[i]->set_handler(&listeners_[i]);
    }
    for (size_t i = 0; i < 2; ++i) {
      processes_[i].start();
      network_.on_start(NodeId(i + 1));
    }
    run(1s);
    for (Listener& listener : listeners_) listener.log.clear();
  }

  void run(Duration length) { queue_.run_until(queue_.now() + length); }
  void send(size_t from, const std::string& text) {
    processes_[from].post(Source::kClient, [this, from, text] {
      ports_[from]->send(NodeId(2 - from), env::Channel::kControl, ByteChain{text, {}});
    });
  }

  EventQueue queue_;
  Trace trace_;
  SimNetwork network_;
  std::vector<env::Network*> ports_;
  std::array<Listener, 2> listeners_;
  std::array<Process, 2> processes_{Process(queue_, Prng(1), [this] { network_.flush(NodeId(1)); }),
                                    Process(queue_, Prng(2), [this] { network_.flush(NodeId(2)); })};
};

TEST_F(TwoMachines, FramesArriveWholeAndInOrder) {
  for (const char* text : {"a", "b", "c", "d", "e"}) {
    send(0, text);
    run(100us);
  }
  run(1s);
  EXPECT_EQ(listeners_[1].log, "a b c d e ");
}

TEST_F(TwoMachines, AOneWayCutLosesOneDirectionOnly) {
  network_.cut(NodeId(1), NodeId(2), CutMode::kLose);
  send(0, "lost");
  send(1, "heard");
  run(1s);
  EXPECT_EQ(listeners_[1].log, "");
  EXPECT_EQ(listeners_[0].log, "heard ");
  network_.heal_all();
  send(0, "again");
  run(1s);
  EXPECT_EQ(listeners_[1].log, "again ");
}

TEST_F(TwoMachines, HeldFramesArriveAfterTheHealBeforeLaterOnes) {
  network_.cut(NodeId(1), NodeId(2), CutMode::kHold);
  send(0, "first");
  run(10s);
  EXPECT_EQ(listeners_[1].log, "");
  network_.heal_all();
  send(0, "second");
  run(1s);
  EXPECT_EQ(listeners_[1].log, "first second ");
}

TEST_F(TwoMachines, AResetLosesWhatIsUnderWayAndBothSidesReconnect) {
  send(0, "lost");
  run(61us);  // the turn has ended: the frame is on its way
  network_.reset(NodeId(1), NodeId(2), env::Channel::kControl);
  run(1s);
  EXPECT_EQ(listeners_[1].log, "-1c +1c ");
  EXPECT_EQ(listeners_[0].log, "-2c +2c ");
}

TEST_F(TwoMachines, FramesToAStoppedProcessWaitInItsSocket) {
  processes_[1].pause();
  send(0, "waits");
  run(5s);
  EXPECT_EQ(listeners_[1].log, "");
  processes_[1].resume();
  EXPECT_EQ(listeners_[1].log, "waits ");
}

TEST_F(TwoMachines, APeerLearnsOfADeathAndANewLifeGetsNothingOfTheOld) {
  send(0, "old");
  run(61us);
  processes_[1].kill();
  network_.on_death(NodeId(2));
  processes_[1].start();
  Listener reborn;
  ports_[1]->set_handler(&reborn);
  network_.on_start(NodeId(2));
  run(1s);
  for (const std::string& channel : {std::string("2c "), std::string("2b ")}) {
    const size_t lost = listeners_[0].log.find("-" + channel);
    const size_t back = listeners_[0].log.find("+" + channel);
    EXPECT_LT(lost, back) << listeners_[0].log;
    EXPECT_NE(back, std::string::npos) << listeners_[0].log;
  }
  EXPECT_EQ(listeners_[1].log, "");
  EXPECT_THAT(reborn.log, ::testing::AnyOf("+1c +1b ", "+1b +1c "));
}

TEST_F(TwoMachines, OneHealedDirectionDeliversWhatWasHeldThere) {
  network_.cut(NodeId(1), NodeId(2), CutMode::kHold);
  network_.cut(NodeId(2), NodeId(1), CutMode::kHold);
  send(0, "there");
  send(1, "back");
  run(1s);
  network_.heal(NodeId(1), NodeId(2));
  run(1s);
  EXPECT_EQ(listeners_[1].log, "there ");
  EXPECT_EQ(listeners_[0].log, "");
  network_.heal(NodeId(2), NodeId(1));
  run(1s);
  EXPECT_EQ(listeners_[0].log, "back ");
}

TEST_F(TwoMachines, ASlowLinkIsSlowInBothDirectionsUntilItIsNot) {
  network_.slow_link(NodeId(2), NodeId(1), 300ms);
  send(0, "a");
  send(1, "b");
  run(290ms);
  EXPECT_EQ(listeners_[1].log + listeners_[0].log, "");
  run(100ms);
  EXPECT_EQ(listeners_[1].log + listeners_[0].log, "a b ");
  network_.slow_link(NodeId(1), NodeId(2), 0ns);
  send(0, "c");
  run(100ms);
  EXPECT_EQ(listeners_[1].log, "a c ");
}

TEST_F(TwoMachines, AStoppedProcessTakesASocketFullAndTheRestWaitsAtItsPeer) {
  processes_[1].pause();
  const size_t frame = kSocketBytesMax / 4;
  for (int i = 0; i < 10; ++i) send(0, std::string(frame, static_cast<char>('0' + i)));
  run(1s);
  EXPECT_EQ(ports_[0]->queued_bytes(NodeId(2), env::Channel::kControl), 6 * frame);
  processes_[1].resume();
  run(1s);
  EXPECT_EQ(ports_[0]->queued_bytes(NodeId(2), env::Channel::kControl), 0u);
  std::string order;
  for (size_t at = 0; at < listeners_[1].log.size(); at += frame + 1) order += listeners_[1].log[at];
  EXPECT_EQ(order, "0123456789");
}

TEST_F(TwoMachines, WhatWasUnreadWhenAConnectionBrokeDoesNotFillTheNextOne) {
  processes_[1].pause();
  for (int i = 0; i < 10; ++i) send(0, std::string(kSocketBytesMax / 4, 'x'));
  run(1s);
  network_.reset(NodeId(1), NodeId(2), env::Channel::kControl);
  processes_[1].resume();
  run(1s);
  listeners_[1].log.clear();
  send(0, std::string(kSocketBytesMax / 2, 'y'));
  send(0, "z");
  run(1s);
  EXPECT_EQ(listeners_[1].log.size(), kSocketBytesMax / 2 + 3);
}

TEST_F(TwoMachines, AThinLinkTakesItsTimeUntilEverythingIsHealed) {
  network_.thin_link(NodeId(1), NodeId(2), {.bytes_per_second = 250'000});
  send(0, std::string(250'000, 'a'));
  run(990ms);
  EXPECT_EQ(listeners_[1].log.size(), 0u);
  run(50ms);
  EXPECT_EQ(listeners_[1].log.size(), 250'001u);
  network_.heal_all();
  send(0, std::string(250'000, 'b'));
  run(50ms);
  EXPECT_EQ(listeners_[1].log.size(), 2 * 250'001u);
}

TEST_F(TwoMachines, NothingPassesBeforeBothHaveWelcomedTheOther) {
  for (Listener& judge : listeners_) {
    Listener& other = &judge == &listeners_[0] ? listeners_[1] : listeners_[0];
    judge.answers = {env::Admission::later(), env::Admission::refused({{}, "no"}), {}};
    network_.reset(NodeId(1), NodeId(2), env::Channel::kControl);
    run(300ms);
    EXPECT_EQ(listeners_[0].log + listeners_[1].log, "-2c -1c ");
    send(0, "lost");
    run(3s);
    EXPECT_EQ(listeners_[0].log, "-2c +2c ");
    EXPECT_EQ(listeners_[1].log, "-1c +1c ");
    EXPECT_THAT(other.refusals, ::testing::ElementsAre("no"));
    for (Listener& listener : listeners_) {
      listener.log.clear();
      listener.refusals.clear();
    }
  }
}

TEST_F(TwoMachines, APeerThatHasStartedAnewEndsWhatStoodBefore) {
  listeners_[1].answers = {env::Admission{.ends_earlier = true}, env::Admission{.ends_earlier = true}};
  network_.reset(NodeId(1), NodeId(2), env::Channel::kControl);
  run(1s);
  EXPECT_EQ(listeners_[1].log, "-1c -1b +1c ");
}

class OvertakingMachines : public TwoMachines {
 protected:
  OvertakingMachines() : TwoMachines(NetworkOptions{.overtake_per_million = 500'000}) {}
};

TEST_F(OvertakingMachines, FramesArriveEachOnceInAnyOrder) {
  std::string in_order;
  for (char c = 'a'; c <= 'z'; ++c) {
    send(0, std::string(1, c));
    in_order += std::string(1, c) + " ";
    run(100us);
  }
  run(1s);
  std::string sorted = listeners_[1].log;
  EXPECT_NE(sorted, in_order);
  std::string expected = in_order;
  std::sort(sorted.begin(), sorted.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(sorted, expected);
}

}  // namespace
}  // namespace torc::sim
