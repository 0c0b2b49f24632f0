#include <gtest/gtest.h>

#include "kv/command_script.h"

namespace torc::kv {
namespace {

// Replies in these scripts are those of a real Redis 7.0, see rewrite_expectations.py.

TEST(Expiry, ExpireSetsDeadlinesUnderConditions) {
  constexpr std::string_view kScript = R"redis(> EXPIRE a 100
:0
> SET a 1
+OK
> TTL a
:-1
> PTTL a
:-1
> EXPIRETIME a
:-1
> PEXPIRETIME a
:-1
> TTL none
:-2
> PTTL none
:-2
> EXPIRETIME none
:-2
> PEXPIRETIME none
:-2
> EXPIRE a 100
:1
> TTL a
:100
> PEXPIRE a 200000
:1
> TTL a
:200
> EXPIREAT a 9999999999
:1
> EXPIRETIME a
:9999999999
> PEXPIRETIME a
:9999999999000
> PEXPIREAT a 9999999999499
:1
> EXPIRETIME a
:9999999999
> PEXPIREAT a 9999999999500
:1
> EXPIRETIME a
:10000000000
> PEXPIRETIME a
:9999999999500
> EXPIRE a 100 NX
:0
> EXPIRE a 100 XX
:1
> EXPIRE a 50 GT
:0
> EXPIRE a 100000 GT
:1
> TTL a
:100000
> EXPIRE a 200000 LT
:0
> EXPIRE a 10 LT
:1
> TTL a
:10
> PEXPIREAT a 9999999999999 XX GT
:1
> PEXPIREAT a 9999999999999 GT
:0
> PEXPIREAT a 9999999999999 LT
:0
> PEXPIREAT a 9999999999998 xx lt
:1
> PEXPIRETIME a
:9999999999998
> PERSIST a
:1
> PERSIST a
:0
> PERSIST none
:0
> TTL a
:-1
> EXPIRE a 100 XX
:0
> EXPIRE a 100 GT
:0
> EXPIRE a 100 LT
:1
> TTL a
:100
> PERSIST a
:1
> EXPIRE a 100 NX
:1
> EXPIRE a 100 NX NX
:0
> EXPIRE none 100 NX
:0
)redis";
  EXPECT_EQ(replies_to(kScript), kScript);
}

TEST(Expiry, ExpireRefusesBadArguments) {
  constexpr std::string_view kScript = R"redis(> SET a 1
+OK
> EXPIRE a
-ERR wrong number of arguments for 'expire' command
> EXPIRE
-ERR wrong number of arguments for 'expire' command
> EXPIRE a abc
-ERR value is not an integer or out of range
> EXPIRE a 1.5
-ERR value is not an integer or out of range
> EXPIRE a ""
-ERR value is not an integer or out of range
> EXPIRE a 10 FOO
-ERR Unsupported option FOO
> EXPIRE a 10 "FO\nO"
-ERR Unsupported option FO O
> EXPIRE a abc FOO
-ERR Unsupported option FOO
> EXPIRE a 10 NX XX
-ERR NX and XX, GT or LT options at the same time are not compatible
> EXPIRE a 10 NX GT
-ERR NX and XX, GT or LT options at the same time are not compatible
> EXPIRE a 10 NX LT
-ERR NX and XX, GT or LT options at the same time are not compatible
> EXPIRE a 10 GT LT
-ERR GT and LT options at the same time are not compatible
> EXPIRE a 10 GT LT NX
-ERR NX and XX, GT or LT options at the same time are not compatible
> EXPIRE a 10 XX FOO
-ERR Unsupported option FOO
> EXPIRE a abc NX XX
-ERR NX and XX, GT or LT options at the same time are not compatible
> EXPIRE a 9223372036854775807
-ERR invalid expire time in 'expire' command
> EXPIRE a -9223372036854775808
-ERR invalid expire time in 'expire' command
> EXPIRE a 9223372036854775
-ERR invalid expire time in 'expire' command
> EXPIRE a 9223372036854776
-ERR invalid expire time in 'expire' command
> PEXPIRE a 9223372036854775807
-ERR invalid expire time in 'pexpire' command
> PEXPIRE a 9223372036854775808
-ERR value is not an integer or out of range
> EXPIREAT a 9223372036854775807
-ERR invalid expire time in 'expireat' command
> EXPIREAT a 9223372036854776
-ERR invalid expire time in 'expireat' command
> PEXPIREAT a 9223372036854775808
-ERR value is not an integer or out of range
> EXPIREAT a 9223372036854775
:1
> PEXPIRETIME a
:9223372036854775000
> PEXPIREAT a 9223372036854775807
:1
> PEXPIRETIME a
:9223372036854775807
> EXPIRETIME
-ERR wrong number of arguments for 'expiretime' command
> EXPIRE none 9223372036854775807
-ERR invalid expire time in 'expire' command
> EXPIREAT none abc
-ERR value is not an integer or out of range
> PERSIST
-ERR wrong number of arguments for 'persist' command
> PERSIST a b
-ERR wrong number of arguments for 'persist' command
> TTL
-ERR wrong number of arguments for 'ttl' command
> TTL a b
-ERR wrong number of arguments for 'ttl' command
)redis";
  EXPECT_EQ(replies_to(kScript), kScript);
}

TEST(Expiry, ADeadlineInThePastDeletesAtOnce) {
  constexpr std::string_view kScript = R"redis(> SET a 1
+OK
> EXPIRE a -1
:1
> GET a
(nil)
> DBSIZE
:0
> SET a 1
+OK
> EXPIRE a 0
:1
> DBSIZE
:0
> SET a 1
+OK
> PEXPIRE a -9223372036854775808
:1
> DBSIZE
:0
> SET a 1
+OK
> EXPIREAT a 0
:1
> DBSIZE
:0
> SET a 1
+OK
> EXPIREAT a -1
:1
> DBSIZE
:0
> SET a 1
+OK
> PEXPIREAT a 1000
:1
> DBSIZE
:0
> SET a 1
+OK
> EXPIRE a -1 GT
:0
> EXPIRE a -1 XX
:0
> DBSIZE
:1
> EXPIRE a -1 LT
:1
> DBSIZE
:0
> SET a 1
+OK
> EXPIRE a -1 NX
:1
> DBSIZE
:0
)redis";
  EXPECT_EQ(replies_to(kScript), kScript);
}

}  // namespace
}  // namespace torc::kv
