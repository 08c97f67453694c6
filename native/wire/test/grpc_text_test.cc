#include "http2/grpc_text.h"

#include "check.h"

using wire::parseTimeout;
using wire::percentEncode;

TEST("timeouts are milliseconds in every unit") {
  CHECK(parseTimeout("2H") == 7'200'000);
  CHECK(parseTimeout("3M") == 180'000);
  CHECK(parseTimeout("10S") == 10'000);
  CHECK(parseTimeout("99999999m") == 99'999'999);
  CHECK(parseTimeout("1500u") == 1.5);
  CHECK(parseTimeout("0n") == 0);
}

TEST("what is no timeout gives none") {
  for (const char* text : {"", "1", "m", "123456789m", "-1m", "1x", "1.5S", " 1S"}) CHECK(!parseTimeout(text));
}

TEST("status messages keep printable ASCII and encode the rest") {
  CHECK(percentEncode("plain text") == "plain text");
  CHECK(percentEncode("100%\n\xc3\xa9") == "100%25%0A%C3%A9");
}

MAIN_OF_TESTS
