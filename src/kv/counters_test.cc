#include <gtest/gtest.h>

#include "kv/command_script.h"

namespace torc::kv {
namespace {

// Replies in these scripts are those of a real Redis 7.0, see rewrite_expectations.py.

TEST(Counters, IncrementsStayInt64) {
  constexpr std::string_view kScript = R"redis(> INCR a
:1
> INCR a
:2
> DECR a
:1
> INCRBY a 10
:11
> DECRBY a 3
:8
> GET a
"8"
> INCRBY a -20
:-12
> DECRBY b 5
:-5
> DECR c
:-1
> SET a 9223372036854775807
+OK
> INCR a
-ERR increment or decrement would overflow
> INCRBY a 1
-ERR increment or decrement would overflow
> INCRBY a 0
:9223372036854775807
> INCRBY a -1
:9223372036854775806
> SET a -9223372036854775808
+OK
> DECR a
-ERR increment or decrement would overflow
> DECRBY a 1
-ERR increment or decrement would overflow
> INCRBY a -1
-ERR increment or decrement would overflow
> INCRBY a 9223372036854775807
:-1
> DECRBY a -9223372036854775808
-ERR decrement would overflow
> DECRBY none -9223372036854775808
-ERR decrement would overflow
> INCRBY a 9223372036854775808
-ERR value is not an integer or out of range
> INCRBY a -9223372036854775809
-ERR value is not an integer or out of range
> INCRBY a abc
-ERR value is not an integer or out of range
> INCRBY a 1.0
-ERR value is not an integer or out of range
> INCRBY a ""
-ERR value is not an integer or out of range
> INCRBY a " 1"
-ERR value is not an integer or out of range
> INCRBY a "1 "
-ERR value is not an integer or out of range
> INCRBY a +1
-ERR value is not an integer or out of range
> INCRBY a 01
-ERR value is not an integer or out of range
> INCRBY a -0
-ERR value is not an integer or out of range
> INCRBY a -
-ERR value is not an integer or out of range
> INCRBY a 0x10
-ERR value is not an integer or out of range
> INCR
-ERR wrong number of arguments for 'incr' command
> INCR a b
-ERR wrong number of arguments for 'incr' command
> INCRBY a
-ERR wrong number of arguments for 'incrby' command
> EXISTS none
:0
> SET s abc
+OK
> INCR s
-ERR value is not an integer or out of range
> SET s ""
+OK
> INCR s
-ERR value is not an integer or out of range
> SET s " 1"
+OK
> INCR s
-ERR value is not an integer or out of range
> SET s "1 "
+OK
> INCR s
-ERR value is not an integer or out of range
> SET s 01
+OK
> INCR s
-ERR value is not an integer or out of range
> SET s -0
+OK
> INCR s
-ERR value is not an integer or out of range
> SET s 1.5
+OK
> INCR s
-ERR value is not an integer or out of range
> SET s 12345678901234567890
+OK
> INCR s
-ERR value is not an integer or out of range
> SET s 99
+OK
> EXPIRE s 100
:1
> INCR s
:100
> TTL s
:100
> INCRBY s -1000
:-900
> GET s
"-900"
)redis";
  EXPECT_EQ(replies_to(kScript), kScript);
}

TEST(Counters, FloatsAreLongDoublesPrintedForPeople) {
  constexpr std::string_view kScript = R"redis(> INCRBYFLOAT a 1.5
"1.5"
> INCRBYFLOAT a 0.1
"1.6"
> INCRBYFLOAT a 0.2
"1.8"
> INCRBYFLOAT a -1.8
"0"
> GET a
"0"
> INCRBYFLOAT z 0.1
"0.1"
> INCRBYFLOAT z 0.2
"0.3"
> SET a 10.50
+OK
> INCRBYFLOAT a 0.1
"10.6"
> INCRBYFLOAT a -5
"5.6"
> SET a 5.0e3
+OK
> INCRBYFLOAT a 2.0e2
"5200"
> SET a 1000000.1
+OK
> INCRBYFLOAT a 0
"1000000.10000000000002274"
> INCRBYFLOAT a 123456789.123456789
"124456789.22345678899728227"
> SET a 3
+OK
> INCRBYFLOAT a 1
"4"
> INCRBYFLOAT a 1.000000000000000000001
"5"
> SET a 0
+OK
> INCRBYFLOAT a -0.0
"0"
> INCRBYFLOAT a -1e-18
"0"
> INCRBYFLOAT a 1e-17
"0.00000000000000001"
> INCRBYFLOAT a 1e17
"100000000000000000"
> INCRBYFLOAT a 1e20
"100100000000000000000"
> SET a 17179869184
+OK
> INCRBYFLOAT a 1.5
"17179869185.5"
> SET a 0x10
+OK
> INCRBYFLOAT a 0x1p-1
"16.5"
> SET a 1
+OK
> INCRBYFLOAT a inf
-ERR increment would produce NaN or Infinity
> INCRBYFLOAT a -inf
-ERR increment would produce NaN or Infinity
> INCRBYFLOAT a infinity
-ERR increment would produce NaN or Infinity
> INCRBYFLOAT a nan
-ERR value is not a valid float
> INCRBYFLOAT a 1e5000
-ERR value is not a valid float
> INCRBYFLOAT a 1e-5000
-ERR value is not a valid float
> INCRBYFLOAT a abc
-ERR value is not a valid float
> INCRBYFLOAT a ""
-ERR value is not a valid float
> INCRBYFLOAT a " 1"
-ERR value is not a valid float
> INCRBYFLOAT a "1 "
-ERR value is not a valid float
> INCRBYFLOAT a 1x
-ERR value is not a valid float
> INCRBYFLOAT a "1\x00"
-ERR value is not a valid float
> INCRBYFLOAT a +1
"2"
> INCRBYFLOAT a .5
"2.5"
> INCRBYFLOAT a 5.
"7.5"
> INCRBYFLOAT a 1,5
-ERR value is not a valid float
> INCRBYFLOAT a
-ERR wrong number of arguments for 'incrbyfloat' command
> INCRBYFLOAT
-ERR wrong number of arguments for 'incrbyfloat' command
> SET s abc
+OK
> INCRBYFLOAT s 1
-ERR value is not a valid float
> SET s ""
+OK
> INCRBYFLOAT s 1
-ERR value is not a valid float
> SET s inf
+OK
> INCRBYFLOAT s 1
-ERR increment would produce NaN or Infinity
> SET s 1
+OK
> EXPIRE s 100
:1
> INCRBYFLOAT s 1.25
"2.25"
> TTL s
:100
> INCR s
-ERR value is not an integer or out of range
> SET t 3.0
+OK
> INCRBYFLOAT t 0
"3"
> INCR t
:4
> INCRBYFLOAT p 3.14159265358979323846
"3.14159265358979324"
> INCRBYFLOAT p 2.71828182845904523536
"5.85987448204883848"
> INCRBYFLOAT p -1e10
"-9999999994.1401255177333951"
)redis";
  EXPECT_EQ(replies_to(kScript), kScript);
}

}  // namespace
}  // namespace torc::kv
