#include <gtest/gtest.h>

#include "kv/command_script.h"

namespace torc::kv {
namespace {

// Replies in these scripts are those of a real Redis 7.0, see rewrite_expectations.py.

TEST(Strings, SetTakesItsOptionsInAnyOrder) {
  constexpr std::string_view kScript = R"redis(> GET a
(nil)
> SET a 1
+OK
> GET a
"1"
> SET a 2 NX
(nil)
> SET a 2 nx GET
"1"
> GET a
"1"
> SET a 3 XX
+OK
> SET a 4 XX GET
"3"
> SET b 4 XX
(nil)
> SET b 4 XX GET
(nil)
> EXISTS b
:0
> SET b 4 NX GET
(nil)
> GET b
"4"
> SET a 5 GET
"4"
> SET c "" 
+OK
> GET c
""
> STRLEN c
:0
> SET c "\x00\xff bin\r\n"
+OK
> GET c
"\x00\xff bin\x0d\x0a"
> SET "" emptykey
+OK
> GET ""
"emptykey"
> SET a 1 EX 100
+OK
> TTL a
:100
> SET a 2 KEEPTTL
+OK
> TTL a
:100
> SET a 3
+OK
> TTL a
:-1
> SET a 1 PX 100000
+OK
> TTL a
:100
> SET a 1 EXAT 9999999999
+OK
> EXPIRETIME a
:9999999999
> SET a 1 PXAT 9999999999123
+OK
> PEXPIRETIME a
:9999999999123
> SET a 1 EX 100 NX
(nil)
> SET a 1 NX EX 100 XX
-ERR syntax error
> SET a 1 KEEPTTL XX
+OK
> PEXPIRETIME a
:9999999999123
> SET n 1 KEEPTTL
+OK
> TTL n
:-1
> SET a 2 EX 100 GET
"1"
> TTL a
:100
> SET a 1 EX 10 EX 20
+OK
> TTL a
:20
> SET a 1 PX 10000 PX 20000 XX XX
+OK
> TTL a
:20
> SET nx 1 NX NX
+OK
> SET nx 2 GET GET
"1"
> SET nx 2 KEEPTTL KEEPTTL
+OK
)redis";
  EXPECT_EQ(replies_to(kScript), kScript);
}

TEST(Strings, SetRefusesBadOptions) {
  constexpr std::string_view kScript = R"redis(> SET a
-ERR wrong number of arguments for 'set' command
> SET
-ERR wrong number of arguments for 'set' command
> SET a 1 FOO
-ERR syntax error
> SET a 1 NX XX
-ERR syntax error
> SET a 1 XX NX
-ERR syntax error
> SET a 1 EX
-ERR syntax error
> SET a 1 PX
-ERR syntax error
> SET a 1 EX 0
-ERR invalid expire time in 'set' command
> SET a 1 EX -1
-ERR invalid expire time in 'set' command
> SET a 1 PX -5
-ERR invalid expire time in 'set' command
> SET a 1 EX abc
-ERR value is not an integer or out of range
> SET a 1 EX 1.5
-ERR value is not an integer or out of range
> SET a 1 EX " 1"
-ERR value is not an integer or out of range
> SET a 1 EX 01
-ERR value is not an integer or out of range
> SET a 1 EX +1
-ERR value is not an integer or out of range
> SET a 1 EX ""
-ERR value is not an integer or out of range
> SET a 1 EX 10 PX 10
-ERR syntax error
> SET a 1 EX 10 KEEPTTL
-ERR syntax error
> SET a 1 KEEPTTL EX 10
-ERR syntax error
> SET a 1 EXAT 10 PXAT 10
-ERR syntax error
> SET a 1 PERSIST
-ERR syntax error
> SET a 1 EX 9223372036854775807
-ERR invalid expire time in 'set' command
> SET a 1 EX 9223372036854775
-ERR invalid expire time in 'set' command
> SET a 1 PX 9223372036854775807
-ERR invalid expire time in 'set' command
> SET a 1 PX 9223372036854775808
-ERR value is not an integer or out of range
> SET a 1 EXAT 9223372036854775807
-ERR invalid expire time in 'set' command
> SET a 1 EXAT 0
-ERR invalid expire time in 'set' command
> SET a 1 PXAT 0
-ERR invalid expire time in 'set' command
> SET a 1 NX NXX
-ERR syntax error
> SET a 1 "NX "
-ERR syntax error
> EXISTS a
:0
> SET a 1 EXAT 9223372036854775
+OK
> PEXPIRETIME a
:9223372036854775000
> SET a 1 PXAT 9223372036854775807
+OK
> PEXPIRETIME a
:9223372036854775807
)redis";
  EXPECT_EQ(replies_to(kScript), kScript);
}

TEST(Strings, SetIntoThePastLeavesNothingToRead) {
  constexpr std::string_view kScript = R"redis(> SET a 1 PXAT 5
+OK
> GET a
(nil)
> EXISTS a
:0
> DBSIZE
:0
> SET a 1 EXAT 1
+OK
> TTL a
:-2
> SET a 1 EXAT 1
+OK
> SET a 2 XX
(nil)
> SET a 1 EXAT 1
+OK
> SET a 3 NX GET
(nil)
> GET a
"3"
)redis";
  EXPECT_EQ(replies_to(kScript), kScript);
}

TEST(Strings, TheOlderFormsOfSet) {
  constexpr std::string_view kScript = R"redis(> SETNX a 1
:1
> SETNX a 2
:0
> GET a
"1"
> SETNX a
-ERR wrong number of arguments for 'setnx' command
> SETEX a 100 v
+OK
> TTL a
:100
> SETNX a x
:0
> TTL a
:100
> SETEX a 0 v
-ERR invalid expire time in 'setex' command
> SETEX a -1 v
-ERR invalid expire time in 'setex' command
> SETEX a abc v
-ERR value is not an integer or out of range
> SETEX a 9223372036854775807 v
-ERR invalid expire time in 'setex' command
> SETEX a 9223372036854775 v
-ERR invalid expire time in 'setex' command
> SETEX a 1
-ERR wrong number of arguments for 'setex' command
> PSETEX a 100000 w
+OK
> TTL a
:100
> PSETEX a 0 v
-ERR invalid expire time in 'psetex' command
> PSETEX a 9223372036854775807 v
-ERR invalid expire time in 'psetex' command
> PSETEX a x v
-ERR value is not an integer or out of range
> GET a
"w"
> GETSET a n
"w"
> TTL a
:-1
> GETSET zz 1
(nil)
> GET zz
"1"
> GETSET zz
-ERR wrong number of arguments for 'getset' command
> GETDEL a
"n"
> GETDEL a
(nil)
> GETDEL
-ERR wrong number of arguments for 'getdel' command
> GET a
(nil)
)redis";
  EXPECT_EQ(replies_to(kScript), kScript);
}

TEST(Strings, GetExChangesOnlyTheDeadline) {
  constexpr std::string_view kScript = R"redis(> GETEX a
(nil)
> GETEX a EX 0
(nil)
> GETEX a EX abc
(nil)
> GETEX a FOO
-ERR syntax error
> GETEX a EX
-ERR syntax error
> SET a 1
+OK
> GETEX a
"1"
> TTL a
:-1
> GETEX a EX 100
"1"
> TTL a
:100
> GETEX a
"1"
> TTL a
:100
> GETEX a PERSIST
"1"
> TTL a
:-1
> GETEX a PERSIST
"1"
> GETEX a PX 100000
"1"
> TTL a
:100
> GETEX a EXAT 9999999999
"1"
> EXPIRETIME a
:9999999999
> GETEX a PXAT 9999999999999
"1"
> PEXPIRETIME a
:9999999999999
> GETEX a EX 0
-ERR invalid expire time in 'getex' command
> GETEX a EX -1
-ERR invalid expire time in 'getex' command
> GETEX a EX abc
-ERR value is not an integer or out of range
> GETEX a PX 9223372036854775807
-ERR invalid expire time in 'getex' command
> GETEX a EX 9223372036854775807
-ERR invalid expire time in 'getex' command
> GETEX a EX 10 PX 10
-ERR syntax error
> GETEX a PERSIST EX 10
-ERR syntax error
> GETEX a EX 10 PERSIST
-ERR syntax error
> GETEX a KEEPTTL
-ERR syntax error
> GETEX a NX
-ERR syntax error
> GETEX a EX 10 EX 20
"1"
> TTL a
:20
> GETEX a PERSIST PERSIST
"1"
> GETEX a EXAT 1
"1"
> GET a
(nil)
> DBSIZE
:0
> GETEX
-ERR wrong number of arguments for 'getex' command
> GET
-ERR wrong number of arguments for 'get' command
> GET a b
-ERR wrong number of arguments for 'get' command
)redis";
  EXPECT_EQ(replies_to(kScript), kScript);
}

}  // namespace
}  // namespace torc::kv
