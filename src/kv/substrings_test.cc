#include <gtest/gtest.h>

#include "kv/command_script.h"

namespace torc::kv {
namespace {

// Replies in these scripts are those of a real Redis 7.0, see rewrite_expectations.py.

TEST(Substrings, AppendCreatesAndGrows) {
  constexpr std::string_view kScript = R"redis(> APPEND a hello
:5
> APPEND a ""
:5
> APPEND a " world"
:11
> GET a
"hello world"
> APPEND e ""
:0
> EXISTS e
:1
> GET e
""
> STRLEN a
:11
> STRLEN none
:0
> STRLEN
-ERR wrong number of arguments for 'strlen' command
> APPEND a
-ERR wrong number of arguments for 'append' command
> EXPIRE a 100
:1
> APPEND a !
:12
> TTL a
:100
> GET a
"hello world!"
> SET n 10
+OK
> APPEND n 5
:3
> INCR n
:106
)redis";
  EXPECT_EQ(replies_to(kScript), kScript);
}

TEST(Substrings, GetRangeClipsBothEnds) {
  constexpr std::string_view kScript = R"redis(> SET a "Hello World"
+OK
> GETRANGE a 0 4
"Hello"
> GETRANGE a 0 -1
"Hello World"
> GETRANGE a -5 -1
"World"
> GETRANGE a -1 -5
""
> GETRANGE a -100 -200
""
> GETRANGE a -100 2
"Hel"
> GETRANGE a -100 -11
"H"
> GETRANGE a -100 -12
"H"
> GETRANGE a 5 100000
" World"
> GETRANGE a 11 11
""
> GETRANGE a 10 10
"d"
> GETRANGE a 20 30
""
> GETRANGE a 5 2
""
> GETRANGE a 0 0
"H"
> GETRANGE a 0 -100
"H"
> GETRANGE a -9223372036854775808 9223372036854775807
"Hello World"
> GETRANGE a 9223372036854775807 -9223372036854775808
""
> GETRANGE none 0 -1
""
> SET e ""
+OK
> GETRANGE e 0 -1
""
> GETRANGE a x 1
-ERR value is not an integer or out of range
> GETRANGE a 1 x
-ERR value is not an integer or out of range
> GETRANGE a 1
-ERR wrong number of arguments for 'getrange' command
> GETRANGE a 1.0 2
-ERR value is not an integer or out of range
> GETRANGE a 9223372036854775808 1
-ERR value is not an integer or out of range
)redis";
  EXPECT_EQ(replies_to(kScript), kScript);
}

TEST(Substrings, SetRangePadsWithZeros) {
  constexpr std::string_view kScript = R"redis(> SETRANGE a 0 ""
:0
> EXISTS a
:0
> SETRANGE a 5 ""
:0
> EXISTS a
:0
> SETRANGE a 3 xyz
:6
> GET a
"\x00\x00\x00xyz"
> SETRANGE a 0 AB
:6
> GET a
"AB\x00xyz"
> SETRANGE a 6 tail
:10
> GET a
"AB\x00xyztail"
> SETRANGE a 2 ""
:10
> SETRANGE a 1000 ""
:10
> STRLEN a
:10
> SETRANGE a -1 x
-ERR offset is out of range
> SETRANGE a -1 ""
-ERR offset is out of range
> SETRANGE a abc x
-ERR value is not an integer or out of range
> SETRANGE a 33554432 x
-ERR string exceeds maximum allowed size (proto-max-bulk-len)
> SETRANGE a 33554431 ""
:10
> SETRANGE a 9223372036854775807 x
-ERR string exceeds maximum allowed size (proto-max-bulk-len)
> SETRANGE a 9223372036854775808 x
-ERR value is not an integer or out of range
> SETRANGE none 33554432 x
-ERR string exceeds maximum allowed size (proto-max-bulk-len)
> SETRANGE none 33554432 ""
:0
> EXISTS none
:0
> EXPIRE a 100
:1
> SETRANGE a 0 z
:10
> TTL a
:100
> SETRANGE a 1
-ERR wrong number of arguments for 'setrange' command
> SETRANGE big 33554431 x
:33554432
> STRLEN big
:33554432
> APPEND big y
-ERR string exceeds maximum allowed size (proto-max-bulk-len)
> STRLEN big
:33554432
)redis";
  EXPECT_EQ(replies_to(kScript), kScript);
}

}  // namespace
}  // namespace torc::kv
