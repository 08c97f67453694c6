#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "check.h"
#include "link/link.h"
#include "sockets/sockets.h"

using namespace wire;

namespace {

// An executor's socket in the test's hand.
struct Executor {
  uint16_t port = 0;
  int listener;
  int peer = -1;

  Executor() {
    std::string why;
    listener = listenOn("127.0.0.1", port, why);
  }
  ~Executor() {
    close(listener);
    if (peer >= 0) close(peer);
  }
  void accept() {
    while (peer < 0) peer = ::accept(listener, nullptr, nullptr);
  }
  std::string hear() {
    char chunk[1024];
    const ssize_t got = recv(peer, chunk, sizeof chunk, MSG_DONTWAIT);
    return got > 0 ? std::string(chunk, static_cast<size_t>(got)) : std::string();
  }
  void say(const std::string& bytes) { CHECK(send(peer, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size())); }
};

// Turns until an event has come.
Event next(Poller& poller, Links& links, Events& events) {
  for (int turns = 0; turns < 5'000 && events.empty(); turns++) {
    poller.dispatch(1);
    links.flush();
  }
  CHECK(!events.empty());
  if (events.empty()) return {};
  Event event = events.front();
  events.erase(events.begin());
  return event;
}

std::string greeting() {
  std::string bytes;
  appendBare(FrameType::kGreeting, 0, bytes);
  return bytes;
}

}  // namespace

TEST("a link greets, sends queries whole and tells of their answers") {
  Executor executor;
  Poller poller;
  Events events;
  Links links(poller, events);
  std::string why;
  const int32_t number = links.open("127.0.0.1", executor.port, {}, why);
  executor.accept();
  executor.say(greeting());
  CHECK(next(poller, links, events).kind == EventKind::kLinkUp);

  InferHeader header;
  header.variant = "mlp@1";
  const Piece body[] = {Piece::whole(BufferRef::make(99'000)), Piece::whole(BufferRef::make(1'000))};
  std::memset(body[0].owner.data(), 'a', 99'000);
  std::memset(body[1].owner.data(), 'b', 1'000);
  links.find(number)->send(7, header, body, 2);
  links.find(number)->cancel(8);
  links.flush();
  std::string expected;
  appendInferHead(7, header, 100'000, expected);
  std::string got;
  const size_t bytes = expected.size() + 100'000 + kPrefixBytes;
  while (got.size() < bytes) {
    char chunk[65'536];
    poller.dispatch(1);
    links.flush();
    const ssize_t count = recv(executor.peer, chunk, sizeof chunk, 0);
    if (count > 0) got.append(chunk, static_cast<size_t>(count));
  }
  expected.append(99'000, 'a').append(1'000, 'b');
  CHECK(got.compare(0, expected.size(), expected) == 0);

  AnswerHeader answer;
  answer.queueMs = 1.5;
  answer.batchSize = 4;
  answer.load.drainMs = 2.5;
  std::string frame;
  appendAnswerHead(7, answer, 3, frame);
  executor.say(frame + "abc");
  const Event told = next(poller, links, events);
  CHECK(told.kind == EventKind::kAnswer);
  CHECK(told.numbers[event_layout::kQueryId] == 7 && told.numbers[event_layout::kQueueMs] == 1.5);
  CHECK(told.numbers[event_layout::kBatchSize] == 4 && told.numbers[event_layout::kDrainMs] == 2.5);
  CHECK(std::string(reinterpret_cast<const char*>(told.bytes.data), told.bytes.size) == "abc");
}

TEST("a link whose executor is gone, or talks nonsense, is down once and sends nothing more") {
  for (const bool nonsense : {false, true}) {
    Executor executor;
    Poller poller;
    Events events;
    Links links(poller, events);
    std::string why;
    const int32_t number = links.open("127.0.0.1", executor.port, {}, why);
    executor.accept();
    executor.say(greeting());
    next(poller, links, events);
    if (nonsense) {
      executor.say(std::string(64, '\xff'));
    } else {
      close(executor.peer);
      executor.peer = -1;
    }
    CHECK(next(poller, links, events).kind == EventKind::kLinkDown);
    CHECK(links.find(number) == nullptr);
    poller.dispatch(1);
    CHECK(events.empty());
    links.close(number);
    links.flush();
  }
}

TEST("a credential is presented before anything else") {
  Executor executor;
  Poller poller;
  Events events;
  Links links(poller, events);
  std::string why;
  links.open("127.0.0.1", executor.port, "Bearer secret", why);
  std::string expected;
  appendCredential("Bearer secret", expected);
  executor.accept();
  std::string got;
  for (int turns = 0; turns < 1'000 && got.size() < expected.size(); turns++) {
    links.flush();
    poller.dispatch(1);
    got += executor.hear();
  }
  CHECK(got == expected);
  executor.say(greeting());
  CHECK(next(poller, links, events).kind == EventKind::kLinkUp);
}

TEST("a link to a port where nobody listens is down") {
  Executor executor;
  const uint16_t port = executor.port;
  close(executor.listener);
  Poller poller;
  Events events;
  Links links(poller, events);
  std::string why;
  if (links.open("127.0.0.1", port, {}, why) >= 0) CHECK(next(poller, links, events).kind == EventKind::kLinkDown);
  executor.listener = dup(0);
}

MAIN_OF_TESTS
