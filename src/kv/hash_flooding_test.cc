// Does it cost more to hold keys that were chosen to collide? Of all maps the slots' hash tables are the only ones that
// hash what a client sends; the others compare (deadlines, saved images, sessions) and cost the same whatever the keys.
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <string>
#include <vector>

#include "kv/entry_shelf.h"
#include "kv/slot_array.h"
#include "kv/table.h"

namespace torc::kv {
namespace {

constexpr uint64_t kKnownSeed = 1;
constexpr uint64_t kSecretSeed = 0x9e3779b97f4a7c15u;
/// A slot with more is cut into tables of fewer (entry_shelf.h).
constexpr size_t kKeys = EntryShelf::kKeysMax;
/// The hash tables place by the upper bits: more than a table of kKeys looks at.
constexpr int kCollidingBits = 11;

/// All in one slot, by their tag.
std::string key_of(uint64_t number) { return "{t}" + std::to_string(number); }

std::vector<std::string> keys_that_collide(uint64_t seed) {
  const SlotArray hasher(seed, Arc{});
  std::vector<std::string> keys;
  for (uint64_t number = 0; keys.size() < kKeys; ++number) {
    std::string key = key_of(number);
    if (hasher.hash_of(key) >> (64 - kCollidingBits) == 0) keys.push_back(std::move(key));
  }
  return keys;
}

int64_t cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

/// Time of this thread to insert and look up all keys; the best of some tries, for others share the caches.
int64_t cost_of(const std::vector<std::string>& keys, uint64_t seed) {
  int64_t best = INT64_MAX;
  for (int i = 0; i < 20; ++i) {
    Table table(seed);
    const int64_t begin = cpu_ns();
    for (const std::string& key : keys) {
      Spot spot = table.find(key);
      table.set(spot, key, "v", kNoDeadline, 1);
    }
    for (const std::string& key : keys) EXPECT_NE(table.find(key).entry(), nullptr);
    best = std::min(best, cpu_ns() - begin);
  }
  return best;
}

TEST(HashFlooding, KeysThatCollideUnderAKnownSeedCostNoMoreThanOthersUnderASecretOne) {
  const std::vector<std::string> colliding = keys_that_collide(kKnownSeed);
  std::vector<std::string> others;
  for (uint64_t number = 0; number < kKeys; ++number) others.push_back(key_of(number));
  const int64_t usual = cost_of(others, kSecretSeed);
  // Seven times as much, and under a sanitizer four times: there everything else is dearer too.
  const int64_t flooded = cost_of(colliding, kKnownSeed);
  EXPECT_GT(flooded, 5 * usual / 2) << "or they do not collide, and this shows nothing";
  EXPECT_LT(cost_of(colliding, kSecretSeed), std::min(2 * usual, 2 * flooded / 3));
}

}  // namespace
}  // namespace torc::kv
