// What else goes on at a link server while queries come: answers too large for it, and changes of what it serves.
#include <atomic>

#include "link_house.h"

TEST("an answer larger than a link takes is refused alone") {
  const size_t rows = ((size_t{64} << 20) - 100'000) / (kFakeWidth * sizeof(float));
  BatcherOptions options = batches(static_cast<int32_t>(rows));
  options.queueRowsMax = 1 << 23;
  House house(options);
  Peer peer(house.server->port());
  peer.infer(1, request(rowsOf(1, rows)));
  peer.infer(2, request(rowsOf(4)));
  const auto settled = peer.settle(2);
  CHECK(settled.at(1).type == wire::FrameType::kRefusal && settled.at(1).refusal.code == 8);
  const std::string message = messageOf(settled.at(1));
  CHECK(message.find("answer of 67") == 0 && message.find(" bytes, allowed are 66846720") != std::string::npos);
  CHECK(firstOf(settled.at(2)) == 5);
  house.served->watch();
  CHECK(house.server->inFlight() == 0);
}

TEST("descriptions, loads, unloads, cancellations and hang-ups harm nothing beside full traffic") {
  constexpr int kRounds = 100;
  constexpr uint32_t kQueries = 64;
  House house(batches(8), 4096);
  const uint16_t port = house.server->port();
  std::atomic<bool> over{false};
  // Of the fake's queries each is answered, whatever is done to the other variant meanwhile.
  const auto traffic = [&] {
    Peer peer(port);
    for (int round = 0; round < kRounds; round++) {
      for (uint32_t id = 0; id < kQueries; id++) {
        peer.infer(2 * id, request(rowsOf(static_cast<float>(id))));
        peer.infer(2 * id + 1, request(rowsOf(1)), "other");
        peer.cancel(2 * id + 1);
      }
      wire::Frame frame;
      for (uint32_t answered = 0; answered < kQueries && peer.next(frame);) {
        if (frame.type != wire::FrameType::kAnswer || frame.id % 2 != 0) continue;
        CHECK(firstOf(frame) == static_cast<float>(frame.id / 2 + 1));
        answered++;
      }
    }
  };
  std::thread operators([&] {
    while (!over) {
      house.served->describe({{"FP32"}, {"FP32"}});
      std::string error;
      std::shared_ptr<link::Served> served;
      BatcherOptions options = house.batcher->options();
      auto batcher = std::make_shared<Batcher>(
          Model::load(fakeEngine(), {}, error), options, steadyMs,
          [&](std::unique_ptr<Delivery> delivery) { CHECK(served->deliver(std::move(delivery)) == nullptr); });
      served = std::make_shared<link::Served>(batcher, std::make_shared<ShapeKeys>(), [] {});
      house.server->serve("other", served);
      for (int i = 0; i < 20; i++) served->describe({{"FP32"}, {"FP32"}});
      house.server->serve("other", nullptr);
      batcher->stop(false);
      while (served->inFlight() > 0) std::this_thread::yield();
    }
  });
  std::thread leavers([&] {
    while (!over) {
      Peer peer(port);
      wire::Frame greeting;
      CHECK(peer.next(greeting));
      for (uint32_t id = 0; id < 20; id++) peer.infer(id, request(rowsOf(1)), id % 2 == 0 ? "fake" : "other");
    }
  });
  std::thread second(traffic);
  traffic();
  second.join();
  over = true;
  operators.join();
  leavers.join();
}

MAIN_OF_TESTS
