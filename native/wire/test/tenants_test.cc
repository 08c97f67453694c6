// What tenants hold: told apart by their tokens, whatever their connections.
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "echo_server.h"
#include "http2_client.h"
#include "talker.h"

using namespace wire;

namespace {

constexpr size_t kMib = size_t{1} << 20;
constexpr size_t kCalls = 90;
// With each connection less is left for the next.
constexpr int kConnections = 3;

ServerLimits held(size_t heldMaxBytes) {
  ServerLimits limits = kLimits;
  limits.heldMaxBytes = heldMaxBytes;
  return limits;
}

std::string callOf(const std::string& token, uint32_t stream, const std::string& path, size_t bytes,
                   const std::string& more = "") {
  return http2::headers(stream, path, http2::header("authorization", token) + more) +
         http2::data(stream, http2::message(patterned(bytes)), true);
}

// Requests of 900 KB that stay unanswered.
std::string work(const std::string& token, const std::string& more = "") {
  std::string said = http2::preface();
  for (uint32_t i = 0; i < kCalls; i++) said += callOf(token, 2 * i + 1, "/t.T/Hold", 900'000, more);
  return said;
}

bool serves(Echo& echo, const std::string& token) {
  Talker other(echo);
  other.say(http2::preface() + callOf(token, 1, "/t.T/Say", 50'000));
  return http2::answers(other.hear())[1] == http2::message(patterned(50'000));
}

}  // namespace

TEST("a tenant that holds its share is not read from, on any connection, while others of its address are") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api, held(128 * kMib));
  echo.server().guard(true);
  std::vector<std::unique_ptr<Talker>> greedy;
  for (int i = 0; i < kConnections; i++) {
    greedy.push_back(std::make_unique<Talker>(echo));
    // What the server does not take waits in the kernel, or here.
    greedy.back()->say(work("good-a"));
    CHECK(http2::answers(greedy.back()->hear()).empty());
  }
  CHECK(echo.server().openCalls() < kCalls);
  CHECK(echo.server().heldBytes() > 50 * kMib);
  CHECK(echo.server().heldBytes() < 66 * kMib);
  CHECK(echo.server().refusals().bytes == 0);
  CHECK(serves(echo, "good-a"));
  CHECK(serves(echo, "good-b"));
}

TEST("a tenant that was not read from is read on as soon as some of its work is over") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api, held(96 * kMib));
  echo.server().guard(true);
  Talker greedy(echo);
  const std::string said = work("good-a", http2::header("grpc-timeout", "200m"));
  for (size_t at = 0; at < said.size(); at += 4 * kMib) {
    greedy.say(said.substr(at, 4 * kMib));
    CHECK(echo.server().heldBytes() < 36 * kMib);
    while (greedy.sent() < std::min(said.size(), at + 4 * kMib)) {
      echo.server().sweep();
      greedy.say(said.substr(greedy.sent(), std::min(said.size(), at + 4 * kMib) - greedy.sent()));
    }
  }
  for (int turns = 0; turns < 5'000 && echo.server().heldBytes() > 0; turns++) {
    echo.server().sweep();
    echo.turn();
  }
  // Far more than fit at a time; one that had come in part when its time was over was nobody's work yet.
  CHECK(echo.cancelled > 60);
  CHECK(echo.server().heldBytes() == 0);
  CHECK(echo.server().refusals().bytes == 0);
}

TEST("on the connection of a gateway, who holds his share is refused and the others are served") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  ServerLimits limits = held(16 * kMib);
  limits.receiveWindowBytes = 64 << 20;
  Echo echo(*api, limits);
  echo.server().guard(true);
  Talker gateway(echo);
  CHECK(gateway.say(http2::preface() + callOf("good-b", 1, "/t.T/Say", 1'000)));
  std::string said;
  for (uint32_t i = 0; i < 40; i++) said += callOf("good-a", 2 * i + 3, "/t.T/Hold", 500'000);
  CHECK(gateway.say(said + callOf("good-b", 101, "/t.T/Say", 1'000)));
  CHECK(echo.server().refusals().bytes > 0);
  CHECK(http2::answers(gateway.hear())[101] == http2::message(patterned(1'000)));
}

MAIN_OF_TESTS
