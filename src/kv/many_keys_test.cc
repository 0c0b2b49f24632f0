#include <gtest/gtest.h>

#include "kv/command_script.h"

namespace torc::kv {
namespace {

// Replies in these scripts are those of a real Redis 7.0, see rewrite_expectations.py.

TEST(ManyKeys, DelAndExistsCountEachKey) {
  constexpr std::string_view kScript = R"redis(> DEL a
:0
> SET a 1
+OK
> SET b 2
+OK
> EXISTS a b c
:2
> EXISTS a a a
:3
> DEL a a c
:1
> DEL b
:1
> EXISTS a b
:0
> SET a 1
+OK
> UNLINK a a b
:1
> DBSIZE
:0
> DEL
-ERR wrong number of arguments for 'del' command
> UNLINK
-ERR wrong number of arguments for 'unlink' command
> EXISTS
-ERR wrong number of arguments for 'exists' command
> TYPE a
+none
> SET a 1
+OK
> TYPE a
+string
> TYPE
-ERR wrong number of arguments for 'type' command
> TYPE a b
-ERR wrong number of arguments for 'type' command
> DBSIZE
:1
> DBSIZE x
-ERR wrong number of arguments for 'dbsize' command
)redis";
  EXPECT_EQ(replies_to(kScript), kScript);
}

TEST(ManyKeys, ManyKeysAtOnce) {
  constexpr std::string_view kScript = R"redis(> MSET a 1 b 2 c 3
+OK
> MGET a b c d
*4
"1"
"2"
"3"
(nil)
> MGET a a
*2
"1"
"1"
> MGET
-ERR wrong number of arguments for 'mget' command
> MSET a
-ERR wrong number of arguments for 'mset' command
> MSET a 1 b
-ERR wrong number of arguments for 'mset' command
> MSET
-ERR wrong number of arguments for 'mset' command
> MSETNX x 1 a 2
:0
> EXISTS x
:0
> MSETNX x 1 y 2
:1
> MGET x y
*2
"1"
"2"
> MSETNX x
-ERR wrong number of arguments for 'msetnx' command
> MSETNX x 1 y
-ERR wrong number of arguments for 'msetnx' command
> MSET d 1 d 2
+OK
> GET d
"2"
> MSETNX e 1 e 2
:1
> GET e
"2"
> EXPIRE a 100
:1
> MSET a 9
+OK
> TTL a
:-1
> DBSIZE
:7
)redis";
  EXPECT_EQ(replies_to(kScript), kScript);
}

TEST(ManyKeys, FlushAllTakesSyncOrAsync) {
  constexpr std::string_view kScript = R"redis(> MSET a 1 b 2
+OK
> FLUSHALL
+OK
> DBSIZE
:0
> MSET a 1 b 2
+OK
> FLUSHALL sync
+OK
> GET a
(nil)
> MSET a 1 b 2
+OK
> FLUSHALL ASYNC
+OK
> MGET a b
*2
(nil)
(nil)
> SET a 1
+OK
> FLUSHALL foo
-ERR syntax error
> FLUSHALL sync async
-ERR syntax error
> FLUSHALL ""
-ERR syntax error
> DBSIZE
:1
> SET a 1 EX 100
+OK
> FLUSHALL
+OK
> SET a 2
+OK
> TTL a
:-1
)redis";
  EXPECT_EQ(replies_to(kScript), kScript);
}

// Ten thousand names of one value of 32 MiB are 20 KB that ask for 320 GB.
TEST(ManyKeys, MGetOfMoreThanOneAnswerMayHoldIsRefusedBeforeItIsBuilt) {
  constexpr std::string_view kError =
      "-ERR the answer would be larger than 50331648 bytes, ask for fewer keys at a time\n";
  ScriptMachine node;
  const std::string large(kValueBytesMax, 'v');
  const std::vector<std::string_view> set{"large", large};
  ASSERT_EQ(node.apply({CommandId::kSet, set}), "+OK\n");
  EXPECT_EQ(node.run("MGET large large"), kError);
  EXPECT_EQ(node.propose("MGET large large"), kError) << "also where it goes through the log";
  std::string many = "MGET";
  for (int i = 0; i < 10'000; ++i) many += " large";
  EXPECT_EQ(node.run(many), kError);
  // At the limit, and one byte past it.
  const std::string rest(kReplyBytesMax - kValueBytesMax - 2 * kReplyElementBytes, 'r');
  const std::vector<std::string_view> at_limit{"rest", rest};
  node.apply({CommandId::kSet, at_limit});
  EXPECT_EQ(node.run("MGET large rest").substr(0, 3), "*2\n");
  node.run("APPEND rest x");
  EXPECT_EQ(node.run("MGET large rest"), kError);
}

}  // namespace
}  // namespace torc::kv
