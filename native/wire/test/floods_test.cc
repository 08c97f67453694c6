// What one client makes the server hold, or work for, stays with that client.
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "echo_server.h"
#include "http2_client.h"
#include "sockets/sockets.h"
#include "talker.h"

using namespace wire;

namespace {

constexpr size_t kMib = size_t{1} << 20;

ServerLimits withHeld(size_t heldMaxBytes) {
  ServerLimits limits = kLimits;
  limits.heldMaxBytes = heldMaxBytes;
  return limits;
}

// Somebody else's call is answered.
bool servesOthers(Echo& echo, size_t bytes = 50'000) {
  Talker other(echo);
  other.say(http2::preface() + http2::call(1, "/t.T/Say", patterned(bytes)));
  return http2::answers(other.hear())[1] == http2::message(patterned(bytes));
}

// The prefix of a message that is announced.
std::string announced(size_t bytes) {
  std::string prefix(1, '\0');
  for (const int shift : {24, 16, 8, 0}) prefix.push_back(static_cast<char>(bytes >> shift));
  return prefix;
}

std::string setting(uint16_t id, uint32_t value) {
  std::string bytes;
  for (const int shift : {8, 0}) bytes.push_back(static_cast<char>(id >> shift));
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<char>(value >> shift));
  return http2::frame(4, 0, 0, bytes);
}

// The error codes of RST_STREAM frames, by stream.
std::map<uint32_t, uint32_t> resets(const std::string& said) {
  std::map<uint32_t, uint32_t> found;
  const auto byte = [&](size_t at) { return static_cast<uint32_t>(static_cast<uint8_t>(said[at])); };
  for (size_t at = 0; at + 9 <= said.size();) {
    const size_t length = (byte(at) << 16) | (byte(at + 1) << 8) | byte(at + 2);
    if (at + 9 + length > said.size()) break;
    if (byte(at + 3) == 3) found.emplace((byte(at + 7) << 8) | byte(at + 8), byte(at + 12));
    at += 9 + length;
  }
  return found;
}

double cpuMs() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

// A block whose first field is kept in the client's table, and which refers to it again and again.
std::string bomb(uint32_t stream, size_t times) {
  std::string block = http2::header(":method", "POST") + http2::header(":scheme", "http") +
                      http2::header(":path", "/t.T/Say") + http2::header(":authority", "x");
  const std::string value(3'900, 'v');
  block += std::string("\x40\x01x", 3) + std::string("\x7f", 1);  // literal with indexing; a length above 127 follows
  size_t rest = value.size() - 127;
  for (; rest >= 128; rest >>= 7) block.push_back(static_cast<char>(rest | 0x80));
  block.push_back(static_cast<char>(rest));
  block += value + std::string(times, '\xbe');
  return http2::frame(1, 4, stream, block);
}

}  // namespace

TEST("messages that are announced and do not come hold nothing") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  ServerLimits limits = withHeld(64 * kMib);
  limits.messageMaxBytes = 64 * kMib;
  Echo echo(*api, limits);
  Talker liar(echo);
  std::string said = http2::preface();
  for (uint32_t stream = 1; stream < 33; stream += 2)
    said += http2::headers(stream, "/t.T/Say") + http2::data(stream, announced(64 * kMib), false);
  CHECK(liar.say(said));
  CHECK(echo.server().openCalls() == 16);
  CHECK(echo.server().heldBytes() < 128 * 1024);
  CHECK(servesOthers(echo));
}

TEST("a message larger than what room is made for at once comes whole, in any pieces") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  ServerLimits limits = withHeld(256 * kMib);
  limits.messageMaxBytes = 64 * kMib;
  limits.receiveWindowBytes = 32 * kMib;
  for (const size_t frame : {size_t{16'000}, kMib}) {
    Echo echo(*api, limits);
    Talker client(echo);
    const std::string whole = http2::message(patterned(9 * kMib + 77));
    std::string said = http2::preface() + setting(4, 16 * kMib) + http2::frame(8, 0, 0, std::string("\x01\x00\x00\x00", 4)) +
                       http2::headers(1, "/t.T/Say");
    for (size_t at = 0; at < whole.size(); at += frame)
      said += http2::data(1, whole.substr(at, frame), at + frame >= whole.size());
    CHECK(client.say(said));
    CHECK(http2::answers(client.hear())[1] == whole);
    CHECK(echo.server().heldBytes() == 0);
  }
}

TEST("what comes of one client leaves room for the next") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api, withHeld(8 * kMib));
  std::vector<std::unique_ptr<Talker>> greedy;
  for (int i = 0; i < 6; i++) {
    greedy.push_back(std::make_unique<Talker>(echo));
    std::string said = http2::preface();
    for (uint32_t stream = 1; stream < 17; stream += 2) said += http2::call(stream, "/t.T/Hold", patterned(900'000));
    greedy.back()->say(said);
  }
  CHECK(echo.server().heldBytes() > 2 * kMib);
  CHECK(echo.server().heldBytes() < 6 * kMib);
  CHECK(servesOthers(echo));
  greedy.clear();
  for (int turns = 0; turns < 5; turns++) echo.turn();
  CHECK(echo.server().heldBytes() == 0);
}

TEST("answers that a window of nothing keeps back are kept up to a share, and the rest are refused") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api, withHeld(8 * kMib));
  Talker deaf(echo);
  std::string said = http2::preface() + setting(4, 0);
  for (uint32_t stream = 1; stream < 161; stream += 2) said += http2::call(stream, "/t.T/Say", patterned(100'000));
  CHECK(deaf.say(said));
  CHECK(echo.server().heldBytes() > kMib);
  CHECK(echo.server().heldBytes() < 3 * kMib);
  CHECK(servesOthers(echo));
}

TEST("a client that reads no answers to PING is not read from") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api, withHeld(256 * kMib));
  Talker deaf(echo);
  std::string pings;
  for (int i = 0; i < 40'000; i++) pings += http2::frame(6, 0, 0, "12345678");
  deaf.say(http2::preface());
  bool reads = true;
  for (int i = 0; i < 100 && reads; i++) reads = deaf.say(pings);
  CHECK(!reads);
  CHECK(echo.server().heldBytes() < 8 * kMib);
  CHECK(servesOthers(echo));
}

TEST("a client that reads no refusals is not read from") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api, withHeld(256 * kMib));
  Talker deaf(echo);
  deaf.say(http2::preface());
  bool reads = true;
  for (uint32_t stream = 1; stream < 800'000 && reads;) {
    std::string said;
    for (int i = 0; i < 4'000; i++, stream += 2) said += http2::call(stream, "/" + std::to_string(stream) + std::string(80, 'n'), "x");
    reads = deaf.say(said);
  }
  CHECK(!reads);
  CHECK(echo.server().heldBytes() < 8 * kMib);
  CHECK(servesOthers(echo));
}

TEST("empty messages of a stream that nobody takes are counted, and have an end") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api, withHeld(256 * kMib));
  Talker client(echo);
  client.say(http2::preface() + http2::headers(1, "/t.T/Listen"));
  std::string many;
  for (int i = 0; i < 3'000; i++) many += http2::message("");
  for (int i = 0; i < 10; i++) client.say(http2::data(1, many, false));
  CHECK(echo.server().heldBytes() > 30'000 * 100);
  CHECK(echo.cancelled == 0);
  for (int i = 0; i < 15; i++) client.say(http2::data(1, many, false));
  CHECK(echo.cancelled == 1);
  CHECK(echo.server().heldBytes() < 64 * 1024);
  CHECK(servesOthers(echo));
}

TEST("a header block that stands for gigabytes costs its call and no more") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api);
  Talker client(echo);
  client.say(http2::preface());
  const double beforeMs = cpuMs();
  CHECK(client.say(bomb(1, 1'000'000)));
  std::printf("a block of 1 MB: %.1f ms of CPU\n", cpuMs() - beforeMs);
  client.say(http2::call(3, "/t.T/Say", "after"));
  CHECK(resets(client.hear())[1] == ng::kEnhanceYourCalm);
  CHECK(http2::answers(client.hear())[3] == http2::message("after"));
  CHECK(echo.server().heldBytes() == 0);
}

TEST("trailers that stand for gigabytes cost their call and no more") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api);
  Talker client(echo);
  client.say(http2::preface() + http2::headers(1, "/t.T/Chat"));
  std::string block = "\x40\x01x\x64" + std::string(100, 'v') + std::string(1'000'000, '\xbe');
  CHECK(client.say(http2::frame(1, 5, 1, block)));
  client.say(http2::call(3, "/t.T/Say", "after"));
  CHECK(resets(client.hear())[1] == ng::kEnhanceYourCalm);
  CHECK(http2::answers(client.hear())[3] == http2::message("after"));
}

TEST("of a caller who is not known yet no more than a chunk is taken in") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api, withHeld(64 * kMib));
  echo.server().guard(true);
  std::string why;
  const int socket = connectTo("127.0.0.1", echo.port(), why);
  echo.turn();
  const std::string said = http2::preface() + http2::headers(1, "/t.T/Hold", http2::header("authorization", "bad")) +
                           http2::data(1, http2::message(patterned(500'000)), true);
  CHECK(send(socket, said.data(), said.size(), MSG_NOSIGNAL) > 100'000);
  for (int turns = 0; turns < 20; turns++) echo.turn();
  CHECK(echo.asked == 1);
  CHECK(echo.heldWhenAsked < 16 * 1024);
  CHECK(echo.server().heldBytes() == 0);
  close(socket);
}

TEST("connections without a call make way for new ones, those that never had one first") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  Echo echo(*api);
  Talker known(echo);
  known.say(http2::preface() + http2::call(1, "/t.T/Say", "x"));
  Talker busy(echo);
  busy.say(http2::preface() + http2::call(1, "/t.T/Hold", "x"));
  std::vector<std::unique_ptr<Talker>> idle;
  for (int i = 0; i < 200; i++) {
    idle.push_back(std::make_unique<Talker>(echo));
    if (i % 2 == 0) idle.back()->say(http2::preface());
    CHECK(echo.server().connections() <= kLimits.connectionsMax + 1);
    if (i == 62) CHECK(servesOthers(echo));
  }
  CHECK(echo.cancelled == 0);
  CHECK(echo.server().openCalls() == 1);
  CHECK(servesOthers(echo));
}

TEST("without descriptors accepting pauses, those without a call make way, and calls go on") {
  const ng::Api* api = library();
  if (api == nullptr) return;
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  Echo echo(*api);
  Talker busy(echo);
  busy.say(http2::preface() + http2::call(1, "/t.T/Hold", "x"));
  std::vector<int> waiting;
  std::string why;
  for (int i = 0; i < 4; i++) waiting.push_back(connectTo("127.0.0.1", echo.port(), why));
  // No descriptor above those that are open.
  const int next = dup(0);
  close(next);
  const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  echo.turn();
  CHECK(echo.server().connections() == 1);
  const double beganMs = steadyMs();
  int turns = 0;
  for (; turns < 30; turns++) echo.turn();
  // A listening socket that stays readable would let no turn wait.
  CHECK(steadyMs() - beganMs > 20);
  busy.say(http2::call(3, "/t.T/Say", "x"));
  CHECK(http2::answers(busy.hear())[3] == http2::message("x"));
  setrlimit(RLIMIT_NOFILE, &before);
  for (int i = 0; i < 2'000 && echo.server().connections() < 5; i++) {
    echo.server().sweep();
    echo.turn();
  }
  CHECK(echo.server().connections() == 5);
  for (const int socket : waiting) close(socket);
}

MAIN_OF_TESTS
