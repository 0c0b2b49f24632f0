#include "sim/burst.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/check.h"
#include "check/filler.h"
#include "kv/entry.h"

namespace torc::sim {
namespace {

std::string text_of(const check::Outcome& outcome) {
  switch (outcome.kind) {
    case check::Outcome::Kind::kUnknown:
      return "unknown";
    case check::Outcome::Kind::kNil:
      return "nil";
    case check::Outcome::Kind::kText:
      return "\"" + outcome.text + "\"";
    case check::Outcome::Kind::kInteger:
      return std::to_string(outcome.integer);
    case check::Outcome::Kind::kError:
      return "-" + outcome.text;
  }
  return "?";
}

bool is_unknown(const check::Outcome& outcome) { return outcome.kind == check::Outcome::Kind::kUnknown; }
/// The answer says nothing of the value; whether the command was executed is another question.
bool says_nothing(const check::Outcome& outcome) {
  return outcome.kind == check::Outcome::Kind::kError || is_unknown(outcome);
}

/// A key that one connection alone writes to, in order: what it may hold.
class OwnKey {
 public:
  /// Written, or (nothing) deleted. An unknown outcome may come true until a later write is known to be executed.
  void wrote(std::optional<std::string> value, const check::Outcome& outcome) {
    if (outcome.kind == check::Outcome::Kind::kError) return;
    if (!is_unknown(outcome)) possible_.clear();
    possible_.push_back(std::move(value));
  }
  /// False if it cannot hold this.
  bool may_read(const check::Outcome& outcome) {
    const std::optional<std::string> value =
        outcome.kind == check::Outcome::Kind::kNil ? std::nullopt : std::optional(outcome.text);
    const auto found = std::ranges::find(possible_, value);
    if (found == possible_.end()) return false;
    possible_.erase(possible_.begin(), found);  // what was written before that one will not come back
    return true;
  }

 private:
  std::vector<std::optional<std::string>> possible_{std::nullopt};  // in the order of the writes
};

// ---- a pipeline ----

class Pipeline final : public Burst {
 public:
  Pipeline(uint64_t number, Prng prng, Sizes& sizes) : name_("p" + std::to_string(number)) {
    const uint64_t count = prng.between(1, std::max<uint64_t>(sizes.options().pipeline_max, 1));
    for (uint64_t i = 0; i < count; ++i) add(prng, sizes);
  }

  std::vector<Command> take_commands() override { return std::move(commands_); }

  std::string on_answer(size_t position, const check::Outcome& outcome) override {
    const Step& step = steps_[position];
    const bool is_refused = says_nothing(outcome);
    switch (step.kind) {
      case Step::Kind::kCount:
        ++counts_sent_;
        return is_refused ? "" : count(outcome);
      case Step::Kind::kWrite:
        if (!is_refused && outcome != check::Outcome::ok()) return "answers a SET with " + text_of(outcome);
        keys_[step.key].wrote(step.value, outcome);
        return "";
      case Step::Kind::kRead:
        return is_refused || keys_[step.key].may_read(outcome) ? "" : wrong_value(step, outcome);
      case Step::Kind::kTake:
        if (!is_refused && !keys_[step.key].may_read(outcome)) return wrong_value(step, outcome);
        keys_[step.key].wrote(std::nullopt, outcome);
        return "";
    }
    return "";
  }

 private:
  struct Step {
    enum class Kind : uint8_t { kCount, kWrite, kRead, kTake } kind;
    size_t key = 0;
    std::string value;  // in the short form
  };

  void add(Prng& prng, Sizes& sizes) {
    Step step{Step::Kind::kCount, prng.below(keys_.size()), {}};
    const std::string key = name_ + "." + std::to_string(step.key);
    const uint64_t drawn = prng.below(100);
    if (drawn < 40) {
      commands_.push_back({kv::CommandId::kIncr, {name_ + ".n"}});
    } else if (drawn < 70) {
      step.kind = Step::Kind::kWrite;
      const std::string tag = "v" + std::to_string(steps_.size()) + ";";
      step.value = check::filled(tag, std::min(sizes.draw_filler(), kv::kValueBytesMax - tag.size()));
      sizes_[step.key] = check::expanded_bytes(step.value);
      commands_.push_back({kv::CommandId::kSet, {key, check::expanded(step.value)}});
    } else {
      step.kind = drawn < 90 ? Step::Kind::kRead : Step::Kind::kTake;
      sizes.charge(sizes_[step.key]);
      commands_.push_back({step.kind == Step::Kind::kRead ? kv::CommandId::kGet : kv::CommandId::kGetDel, {key}});
    }
    steps_.push_back(std::move(step));
  }

  /// Each is executed once or not at all, in order: of those before it at least the answered ones were.
  std::string count(const check::Outcome& outcome) {
    const bool is_possible = outcome.kind == check::Outcome::Kind::kInteger && outcome.integer > last_count_ &&
                             outcome.integer > counts_answered_ && outcome.integer <= counts_sent_;
    if (!is_possible) {
      return "answers the INCR number " + std::to_string(counts_sent_) + " of a connection with " + text_of(outcome) +
             ", the last one was " + std::to_string(last_count_);
    }
    last_count_ = outcome.integer;
    ++counts_answered_;
    return "";
  }

  static std::string wrong_value(const Step& step, const check::Outcome& outcome) {
    return "answers " + text_of(outcome) + ", which key " + std::to_string(step.key) +
           " cannot hold after the commands before it on the same connection";
  }

  std::string name_;
  std::vector<Command> commands_;
  std::vector<Step> steps_;
  std::array<OwnKey, 3> keys_;
  std::array<uint64_t, 3> sizes_{};
  int64_t counts_sent_ = 0;
  int64_t counts_answered_ = 0;
  int64_t last_count_ = 0;
};

// ---- a herd ----

class Herd final : public Burst {
 public:
  Herd(uint64_t number, Prng prng, Sizes& sizes, WallMs deadline) {
    const uint64_t bytes_max = sizes.options().herd_bytes_max;
    const uint64_t key_bytes = prng.chance(1, 2) ? 20 : prng.between(60'000, kv::kKeyBytesMax);
    const uint64_t count = std::min<uint64_t>(prng.between(bytes_max / 4, bytes_max) / key_bytes, 5000);
    if (!sizes.spend(count * (key_bytes + 40))) return;
    for (uint64_t i = 0; i < count; ++i) {
      std::string key = "h" + std::to_string(number) + "." + std::to_string(i) + ";";
      key = check::expanded(check::filled(key, key_bytes - std::min<uint64_t>(key_bytes, key.size())));
      commands_.push_back({kv::CommandId::kSet, {std::move(key), "v", "PXAT", std::to_string(deadline.ms)}});
    }
  }

  std::vector<Command> take_commands() override { return std::move(commands_); }
  std::string on_answer(size_t, const check::Outcome& outcome) override {
    const bool is_possible = says_nothing(outcome) || outcome == check::Outcome::ok();
    return is_possible ? "" : "answers a SET with " + text_of(outcome);
  }

 private:
  std::vector<Command> commands_;
};

// ---- a probe of the limits ----

class Probe final : public Burst {
 public:
  Probe(uint64_t number, Prng prng, Sizes& sizes) : key_("{q" + std::to_string(number) + "}") {
    constexpr uint64_t kMost = kv::kValueBytesMax;
    const bool is_past = prng.chance(1, 2);
    const uint64_t one = is_past ? 1 : 0;
    switch (prng.below(4)) {
      case 0:
        key_ += std::string(kv::kKeyBytesMax + one - key_.size(), 'k');
        if (sizes.spend(3 * key_.size())) expect(is_past, {kv::CommandId::kSet, {key_, "v"}}, 1);
        break;
      case 1:
        if (sizes.spend(is_past ? kMost / 4 : 2 * kMost)) {
          expect(is_past, {kv::CommandId::kSet, {key_, std::string(kMost + one, 'v')}}, kMost);
        }
        break;
      case 2:  // a few bytes that make a value of 32 MiB
        if (sizes.spend(is_past ? 100 : 2 * kMost)) {
          expect(is_past, {kv::CommandId::kSetRange, {key_, std::to_string(kMost - 1 + one), "x"}}, kMost);
        }
        break;
      case 3: {  // two values that together come close to the largest request
        const uint64_t each = is_past ? 21'000'000 : 20'900'000;
        if (!sizes.spend(is_past ? each / 2 : 4 * each)) break;
        // Together with what stands before it in the same batch it is more than an entry holds.
        if (!is_past) precede({kv::CommandId::kSet, {key_ + "'", std::string(200'000, 'c')}});
        expect(is_past, {kv::CommandId::kMSet, {key_, std::string(each, 'a'), key_ + "'", std::string(each, 'b')}},
               each);
        if (!is_past) commands_.push_back({kv::CommandId::kDel, {key_ + "'"}});
        break;
      }
    }
  }

  std::vector<Command> take_commands() override { return std::move(commands_); }

  std::string on_answer(size_t position, const check::Outcome& outcome) override {
    if (position < preceding_) return "";
    position -= preceding_;
    if (position == 0) {
      was_executed_ = !says_nothing(outcome);
      is_unknown_ = is_unknown(outcome);
      return is_past_ && was_executed_ ? "executes " + what_ : "";
    }
    if (position != 1 || says_nothing(outcome)) return "";
    const bool is_absent = outcome == check::Outcome::of_integer(0);
    const bool is_there = !is_past_ && outcome == check::Outcome::of_integer(static_cast<int64_t>(length_));
    const bool is_possible = (is_absent && !was_executed_) || (is_there && (was_executed_ || is_unknown_));
    return is_possible ? "" : "finds a value of length " + text_of(outcome) + " after " + what_;
  }

 private:
  void precede(Command command) {
    commands_.push_back(std::move(command));
    ++preceding_;
  }

  void expect(bool is_past, Command command, uint64_t length) {
    is_past_ = is_past;
    length_ = length;
    what_ = (is_past ? "a request one past a limit, " : "a request at a limit, ") +
            std::to_string(command.args[0].size()) + " and " + std::to_string(command.args[1].size()) + " bytes of " +
            std::to_string(command.args.size()) + " arguments";
    commands_.push_back(std::move(command));
    commands_.push_back({kv::CommandId::kStrLen, {key_.substr(0, kv::kKeyBytesMax)}});
    commands_.push_back({kv::CommandId::kDel, {key_.substr(0, kv::kKeyBytesMax)}});
  }

  std::string key_;
  std::string what_;
  std::vector<Command> commands_;
  size_t preceding_ = 0;  // commands before the probe
  bool is_past_ = false;
  bool was_executed_ = false;
  bool is_unknown_ = false;
  uint64_t length_ = 0;
};

}  // namespace

std::unique_ptr<Burst> make_pipeline(uint64_t number, Prng prng, Sizes& sizes) {
  return std::make_unique<Pipeline>(number, prng, sizes);
}

std::unique_ptr<Burst> make_herd(uint64_t number, Prng prng, Sizes& sizes, WallMs deadline) {
  return std::make_unique<Herd>(number, prng, sizes, deadline);
}

std::unique_ptr<Burst> make_probe(uint64_t number, Prng prng, Sizes& sizes) {
  return std::make_unique<Probe>(number, prng, sizes);
}

}  // namespace torc::sim
