#include "client/endpoint.h"

#include <gtest/gtest.h>

namespace torc::client {
namespace {

TEST(Endpoint, ReadsHostAndPort) {
  EXPECT_EQ(*parse_endpoint("127.0.0.1:7001"), (Endpoint{"127.0.0.1", 7001}));
  EXPECT_EQ(*parse_endpoint("[::1]:65535"), (Endpoint{"::1", 65535}));
  EXPECT_EQ(parse_endpoint("[::1]:65535")->text(), "[::1]:65535");
}

TEST(Endpoint, SaysWhatIsWrong) {
  EXPECT_EQ(parse_endpoint("localhost").error().message,
            "\"localhost\" is not an address: write host:port, as in 127.0.0.1:7001");
  EXPECT_EQ(parse_endpoint(":7001").error().message, "\":7001\" names no host: write host:port, as in 127.0.0.1:7001");
  EXPECT_EQ(parse_endpoint("h:0").error().message, "\"h:0\" has no port between 1 and 65535 after the colon");
  EXPECT_FALSE(parse_endpoint("h:65536").ok());
  EXPECT_FALSE(parse_endpoint("h:7001x").ok());
  EXPECT_FALSE(parse_endpoint("::1:7001").ok());
}

TEST(Endpoint, BarePortsBelongToTheHostBefore) {
  EXPECT_EQ(*parse_endpoints("a:1,2,b:3,4"), (std::vector<Endpoint>{{"a", 1}, {"a", 2}, {"b", 3}, {"b", 4}}));
  EXPECT_FALSE(parse_endpoints("7001").ok());
  EXPECT_FALSE(parse_endpoints("").ok());
  EXPECT_FALSE(parse_endpoints("a:1,").ok());
}

}  // namespace
}  // namespace torc::client
