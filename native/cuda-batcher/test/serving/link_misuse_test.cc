// What a link server refuses, cuts off and survives.
#include "link_house.h"

TEST("what a full queue or too little time refuses says so") {
  BatcherOptions options = batches(1);
  options.queueRowsMax = 1;
  options.seedMs = {5};
  House house(options);
  Peer peer(house.server->port());
  hold(*house.fake, true);
  peer.infer(1, request(rowsOf(1)));
  awaitRunning(*house.fake, 1);
  peer.infer(2, request(rowsOf(2)));
  peer.infer(3, request(rowsOf(3)));
  peer.infer(4, request(rowsOf(3)), "fake", 0.5);
  const auto refused = peer.settle(2);
  CHECK(refused.at(3).refusal.code == 8);
  CHECK(messageOf(refused.at(3)) ==
        "the queue has no room for 1 rows of 16 bytes, it holds 1 rows and 1073741824 bytes");
  CHECK(refused.at(4).refusal.code == 4);
  CHECK(house.served->takeFigures().refused == 2);
}

TEST("a stopping batcher's queries are refused, and a withdrawn variant goes to JavaScript") {
  House house(batches(1));
  Peer peer(house.server->port());
  hold(*house.fake, true);
  peer.infer(1, request(rowsOf(1)));
  awaitRunning(*house.fake, 1);
  peer.infer(2, request(rowsOf(2)));
  while (house.batcher->queuedRows() < 1) std::this_thread::yield();
  house.server->serve("fake", nullptr);
  peer.infer(3, request(rowsOf(3)));
  house.await([&] { return house.events.size() == 1; });
  house.batcher->shut();
  const auto refused = peer.settle(1);
  CHECK(refused.at(2).refusal.code == 14);
  CHECK(messageOf(refused.at(2)) == "the batcher was closed before the request ran");
  hold(*house.fake, false);
  CHECK(firstOf(peer.settle(1).at(1)) == 2);
  std::string answer;
  wire::appendRefusal(3, {}, "from JavaScript", answer);
  house.server->send(house.events.front().connection, reinterpret_cast<const uint8_t*>(answer.data()), answer.size());
  house.server->send(house.events.front().connection, reinterpret_cast<const uint8_t*>(answer.data()), answer.size());
  CHECK(messageOf(peer.settle(1).at(3)) == "from JavaScript");
  CHECK(house.server->inFlight() == 0);
}

TEST("a peer that breaks the rules is cut off, the others are served") {
  House house(batches(4), 2);
  Peer other(house.server->port());
  wire::Frame frame;
  {
    Peer peer(house.server->port());
    peer.send("GET / HTTP/1.1\r\n\r\n");
    while (peer.next(frame)) CHECK(frame.type == wire::FrameType::kGreeting);
  }
  {
    Peer peer(house.server->port());
    std::string draining;
    wire::appendBare(wire::FrameType::kDraining, 0, draining);
    peer.send(draining);
    while (peer.next(frame)) CHECK(frame.type == wire::FrameType::kGreeting);
  }
  hold(*house.fake, true);
  {
    Peer peer(house.server->port());
    peer.infer(1, request(rowsOf(1)));
    peer.infer(1, request(rowsOf(1)));
    while (peer.next(frame)) CHECK(frame.type == wire::FrameType::kGreeting);
  }
  Peer greedy(house.server->port());
  for (uint32_t id = 0; id < 3; id++) greedy.infer(id, request(rowsOf(1)));
  CHECK(messageOf(greedy.settle(1).at(2)) == "this link has 2 queries in flight, allowed are 2");
  hold(*house.fake, false);
  other.infer(9, request(rowsOf(9)));
  CHECK(firstOf(other.settle(1).at(9)) == 10);
}

TEST("a peer that never reads is refused, then cut off") {
  House house(batches(4096), 8);
  Peer peer(house.server->port());
  // Each answer is 64 KiB; the socket's buffers take some dozens.
  const std::string body = request(rowsOf(1, 4096));
  const auto gone = [&] {
    std::lock_guard<std::mutex> lock(house.mutex);
    return !house.events.empty();
  };
  for (uint32_t id = 0; !gone() && id < 100000; id++) peer.infer(id, body);
  house.await([&] { return !house.events.empty(); });
  CHECK(house.events.front().message.empty());
}

TEST("draining is told to those who are there and those who come") {
  House house(batches(1));
  Peer early(house.server->port());
  wire::Frame frame;
  CHECK(early.next(frame));
  house.server->announceDraining();
  CHECK(early.next(frame) && frame.type == wire::FrameType::kDraining);
  Peer late(house.server->port());
  CHECK(late.next(frame) && frame.type == wire::FrameType::kGreeting);
  CHECK(late.next(frame) && frame.type == wire::FrameType::kDraining);
}

TEST("a server may stop while peers send, and its last answers leave") {
  House house(batches(8));
  std::vector<std::thread> peers;
  std::atomic<size_t> answered{0};
  for (int p = 0; p < 3; p++) {
    peers.emplace_back([&] {
      Peer peer(house.server->port());
      for (uint32_t id = 0;; id++) {
        peer.infer(id, request(rowsOf(static_cast<float>(id % 1000))));
        const auto settled = peer.settle(1);
        if (settled.empty()) return;
        CHECK(firstOf(settled.begin()->second) == static_cast<float>(id % 1000 + 1));
        answered++;
      }
    });
  }
  while (answered < 300) std::this_thread::yield();
  house.server->stop(100);
  for (std::thread& peer : peers) peer.join();
  CHECK(house.server->inFlight() == 0);
}

MAIN_OF_TESTS
