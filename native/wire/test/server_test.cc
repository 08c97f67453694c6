#include <sys/socket.h>
#include <unistd.h>

#include <random>
#include <string>

#include "check.h"
#include "echo_server.h"
#include "http2_client.h"
#include "sockets/sockets.h"

using namespace wire;

namespace {

// Sends `bytes` in pieces of `step` and reads until `enough` holds of what came, or the server hangs up.
template <typename Enough>
std::string talk(Echo& echo, const std::string& bytes, size_t step, Enough enough) {
  std::string why;
  const int socket = connectTo("127.0.0.1", echo.port(), why);
  std::string heard;
  size_t sent = 0;
  for (int turns = 0; turns < 20'000 && !enough(heard); turns++) {
    if (sent < bytes.size()) {
      const ssize_t count = send(socket, bytes.data() + sent, std::min(step, bytes.size() - sent), MSG_NOSIGNAL);
      if (count > 0) sent += static_cast<size_t>(count);
    }
    echo.turn();
    char chunk[65'536];
    const ssize_t count = recv(socket, chunk, sizeof chunk, MSG_DONTWAIT);
    if (count == 0) break;
    if (count > 0) heard.append(chunk, static_cast<size_t>(count));
  }
  close(socket);
  echo.turn();
  echo.turn();
  return heard;
}

void echoes(const std::string& path, size_t size, size_t step) {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api);
  const std::string sent = http2::message(patterned(size));
  const std::string heard =
      talk(echo, http2::preface() + http2::call(1, path, patterned(size)), step,
           [&](const std::string& said) { return http2::answers(said)[1].size() >= std::min<size_t>(sent.size(), 60'000); });
  // Beyond the client's window of 64 KiB the server waits, as it must.
  CHECK(http2::answers(heard)[1] == sent.substr(0, http2::answers(heard)[1].size()));
  CHECK(http2::answers(heard)[1].size() >= std::min<size_t>(sent.size(), 60'000));
  CHECK(echo.server().heldBytes() == 0);
  CHECK(echo.server().openCalls() == 0);
  CHECK(echo.server().connections() == 0);
}

}  // namespace

TEST("a call that comes byte by byte is answered") { echoes("/t.T/Say", 300, 1); }

TEST("a large frame is received into its message whole") { echoes("/t.T/Say", 602'112, 1 << 20); }

TEST("a large frame in odd pieces is received into its message whole") { echoes("/t.T/Infer", 602'112, 70'001); }

TEST("a message of nothing is a message") { echoes("/t.T/Infer", 0, 100); }

TEST("nothing is held of clients that go away in the middle") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api);
  const std::string call = http2::preface() + http2::call(1, "/t.T/Hold", patterned(50'000));
  for (size_t cut = 0; cut < call.size(); cut += 997)
    talk(echo, call.substr(0, cut), 10'000, [turns = 0](const std::string&) mutable { return ++turns > 8; });
  talk(echo, call, 100'000, [turns = 0](const std::string&) mutable { return ++turns > 8; });
  CHECK(echo.cancelled == 1);
  CHECK(echo.server().heldBytes() == 0);
  CHECK(echo.server().openCalls() == 0);
  CHECK(echo.server().connections() == 0);
}

TEST("a call that is reset is cancelled once, and the connection lives on") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api);
  const std::string reset = http2::frame(3, 0, 1, std::string("\0\0\0\x08", 4));
  const std::string heard = talk(
      echo, http2::preface() + http2::call(1, "/t.T/Hold", "x") + reset + http2::call(3, "/t.T/Say", "after"), 1 << 20,
      [](const std::string& said) { return http2::answers(said).count(3) > 0; });
  CHECK(http2::answers(heard)[3] == http2::message("after"));
  CHECK(echo.cancelled <= 1);
  CHECK(echo.server().heldBytes() == 0);
}

TEST("many calls on one connection do not hold up the next") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api);
  std::string why;
  const int busy = connectTo("127.0.0.1", echo.port(), why);
  const int calm = connectTo("127.0.0.1", echo.port(), why);
  echo.turn();
  std::string storm = http2::preface();
  for (uint32_t stream = 1; stream < 190; stream += 2) storm += http2::call(stream, "/t.T/Hold", patterned(200));
  const std::string one = http2::preface() + http2::call(1, "/t.T/Hold", "x");
  CHECK(send(busy, storm.data(), storm.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(storm.size()));
  CHECK(send(calm, one.data(), one.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(one.size()));
  echo.turn();
  // A chunk holds some more than the calls of a turn.
  CHECK(echo.server().openCalls() > 16 && echo.server().openCalls() < 48);
  for (int turns = 0; turns < 100 && echo.server().openCalls() < 96; turns++) echo.turn();
  CHECK(echo.server().openCalls() == 96);
  close(busy);
  close(calm);
}

TEST("messages of a stream come back one by one") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api);
  std::string said = http2::preface() + http2::headers(1, "/t.T/Chat");
  std::string expected;
  for (size_t i = 0; i < 40; i++) {
    said += http2::data(1, http2::message(patterned(i * 17)), i == 39);
    expected += http2::message(patterned(i * 17));
  }
  const std::string heard = talk(echo, said, 333, [&](const std::string& bytes) {
    return http2::answers(bytes)[1].size() >= expected.size();
  });
  CHECK(http2::answers(heard)[1] == expected);
}

TEST("bytes changed at random harm nobody") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api);
  echo.server().guard(true);
  std::mt19937 random(7);
  std::string good = http2::preface();
  for (uint32_t stream = 1; stream < 9; stream += 2)
    good += http2::call(stream, stream % 4 == 1 ? "/t.T/Infer" : "/t.T/Say", patterned(40 * stream));
  good += http2::headers(9, "/t.T/Chat", http2::header("authorization", "good")) +
          http2::data(9, http2::message("a"), false) +
          http2::headers(11, "/t.T/Chat", http2::header("authorization", "bad")) +
          http2::data(11, http2::message("a"), true);
  for (int round = 0; round < 600; round++) {
    std::string bad = good;
    const int changes = 1 + static_cast<int>(random() % 6);
    for (int i = 0; i < changes; i++) bad[24 + random() % (bad.size() - 24)] = static_cast<char>(random());
    talk(echo, bad, 1 + random() % bad.size(), [turns = 0](const std::string&) mutable { return ++turns > 6; });
  }
  CHECK(echo.server().heldBytes() == 0);
  CHECK(echo.server().openCalls() == 0);
  CHECK(echo.server().connections() == 0);
  CHECK(echo.server().credentials() == 0);
}

TEST("a call is asked about once for each method and token, and a refused one is not taken in") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api);
  echo.server().guard(true);
  const auto as = [](uint32_t stream, const std::string& path, const std::string& token) {
    return http2::headers(stream, path, http2::header("authorization", token)) +
           http2::data(stream, http2::message("x"), true);
  };
  std::string said = http2::preface();
  for (uint32_t stream = 1; stream < 20; stream += 2) said += as(stream, "/t.T/Infer", "good");
  said += as(21, "/t.T/Say", "good") + http2::call(23, "/t.T/Say", "x") + as(25, "/t.T/Infer", "bad");
  said += http2::headers(27, "/t.T/Chat", http2::header("authorization", "bad")) +
          http2::data(27, http2::message("x"), false) + as(29, "/t.T/Infer", "good");
  const std::string heard = talk(echo, said, 50, [](const std::string& bytes) {
    return http2::answers(bytes).count(29) > 0;
  });
  auto answers = http2::answers(heard);
  for (const uint32_t stream : {1, 19, 21, 23, 29}) CHECK(answers[stream] == http2::message("x"));
  CHECK(answers.count(25) == 0 && answers.count(27) == 0);
  CHECK(echo.asked == 5);
  CHECK(echo.server().heldBytes() == 0);
  CHECK(echo.server().openCalls() == 0);
  CHECK(echo.server().credentials() == 0);
}

TEST("a caller that was admitted is asked about anew when that was said") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api);
  echo.server().guard(true);
  bool again = false;
  std::string said = http2::preface();
  for (uint32_t stream = 1; stream < 40; stream += 2) said += http2::call(stream, "/t.T/Say", "x");
  talk(echo, said, 20, [&](const std::string& bytes) {
    if (!again && http2::answers(bytes).count(9) > 0) {
      again = true;
      echo.server().askAnew();
    }
    return http2::answers(bytes).count(39) > 0;
  });
  CHECK(echo.asked == 2);
  CHECK(echo.server().credentials() == 0);
}

MAIN_OF_TESTS
