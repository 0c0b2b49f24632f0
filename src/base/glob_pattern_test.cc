#include "base/glob_pattern.h"

#include <gtest/gtest.h>

#include <string>

namespace torc {
namespace {

bool matches_any_case(std::string_view pattern, std::string_view text) {
  return matches_glob(pattern, text, LetterCase::kIgnored);
}

TEST(GlobPattern, MatchesAsRedisDoes) {
  EXPECT_TRUE(matches_any_case("*", ""));
  EXPECT_TRUE(matches_any_case("max*", "maxmemory"));
  EXPECT_TRUE(matches_any_case("*memory*policy", "maxmemory-policy"));
  EXPECT_TRUE(matches_any_case("SAV?", "save"));
  EXPECT_TRUE(matches_any_case("[p-s]ave", "save"));
  EXPECT_TRUE(matches_any_case("[^a]ave", "save"));
  EXPECT_TRUE(matches_any_case("\\save", "save"));
  EXPECT_FALSE(matches_any_case("[^s]ave", "save"));
  EXPECT_FALSE(matches_any_case("\\*", "save"));
  EXPECT_FALSE(matches_any_case("sav", "save"));
  EXPECT_FALSE(matches_any_case("save?", "save"));
  EXPECT_FALSE(matches_any_case("[", "save"));
  EXPECT_FALSE(matches_any_case("", "save"));
}

TEST(GlobPattern, ManyStarsDoNotTakeForever) {
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += "a*";
  EXPECT_FALSE(matches_any_case(pattern + "b", std::string(5000, 'a')));
}

TEST(GlobPattern, CaseMattersWhereItIsToldTo) {
  EXPECT_TRUE(matches_glob("a[b-d]*", "acE", LetterCase::kMatters));
  EXPECT_FALSE(matches_glob("A[b-d]*", "acE", LetterCase::kMatters));
  EXPECT_FALSE(matches_glob("a[B-D]*", "acE", LetterCase::kMatters));
}

}  // namespace
}  // namespace torc
