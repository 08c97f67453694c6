// What ends beside full traffic: runs at their deadline, batchers in a hurry, the server itself; made for the thread sanitizer.
#include <atomic>

#include "link_house.h"

namespace {

// A variant that comes and goes beside `fake`, with a configuration of its own each time.
struct Guest {
  std::shared_ptr<Batcher> batcher;
  std::shared_ptr<link::Served> served;
  EngineModel* fake = nullptr;

  explicit Guest(const BatcherOptions& options) {
    std::string error;
    std::shared_ptr<Model> model = Model::load(fakeEngine(), {}, error);
    fake = lastFake();
    batcher = std::make_shared<Batcher>(model, options, steadyMs, [this](std::unique_ptr<Delivery> delivery) {
      CHECK(served->deliver(std::move(delivery)) == nullptr);
    });
    served = std::make_shared<link::Served>(batcher, std::make_shared<ShapeKeys>(), [] {});
    served->describe({{"FP32"}, {"FP32"}});
  }
  ~Guest() {
    while (served->inFlight() > 0) std::this_thread::yield();
  }
};

BatcherOptions configured(int load) {
  BatcherOptions options = batches(1 + load % 4);
  options.instances = 1 + load % 3;
  options.maxQueueDelayMs = load % 2;
  options.queueRowsMax = 16 << load % 4;
  options.queueBytesMax = 1 << 20;
  options.ageingMs = 1'000;
  return options;
}

}  // namespace

TEST("ended runs, batchers stopped in a hurry and memory given back harm nothing beside full traffic") {
  constexpr int kLoads = 24;
  constexpr uint32_t kQueries = 32;
  House house(batches(8), 4096);
  const uint16_t port = house.server->port();
  std::atomic<bool> over{false};
  std::atomic<int> ended{0};
  const auto traffic = [&] {
    Peer peer(port);
    for (uint32_t first = 0; !over; first += kQueries) {
      for (uint32_t id = first; id < first + kQueries; id++) {
        peer.infer(2 * id, request(rowsOf(static_cast<float>(id % kQueries))));
        // Some are late before they run, some while they do.
        const double timesMs[] = {1, 20, 100};
        peer.infer(2 * id + 1, request(rowsOf(1)), "guest", timesMs[id % 3]);
        if (id % 4 == 0) peer.cancel(2 * id + 1);
      }
      wire::Frame frame;
      for (uint32_t answered = 0; answered < kQueries && peer.next(frame);) {
        if (frame.type == wire::FrameType::kRefusal && messageOf(frame).find("the run was ended") == 0) ended++;
        if (frame.type != wire::FrameType::kAnswer || frame.id % 2 != 0) continue;
        CHECK(firstOf(frame) == static_cast<float>(frame.id / 2 % kQueries + 1));
        answered++;
      }
    }
  };
  std::thread first(traffic);
  std::thread second(traffic);
  std::thread trimmer([&] {
    while (!over) {
      house.batcher->model().trim();
      std::this_thread::yield();
    }
  });
  for (int load = 0; load < kLoads; load++) {
    Guest guest(configured(load));
    // Runs that are held end at their deadline, or with the batcher.
    hold(*guest.fake, load % 2 == 0);
    house.server->serve("guest", guest.served);
    const int before = ended;
    for (const double untilMs = steadyMs() + 1'000; load % 4 == 0 && ended == before && steadyMs() < untilMs;) {
      std::this_thread::yield();
    }
    for (int i = 0; i < 200; i++) guest.served->describe({{"FP32"}, {"FP32"}});
    house.server->serve("guest", nullptr);
    guest.batcher->stop(load % 4 < 3);
  }
  over = true;
  first.join();
  second.join();
  trimmer.join();
  CHECK(ended > 0);
}

TEST("a server that is closed beside full traffic leaves nothing in flight") {
  for (int round = 0; round < 12; round++) {
    House house(batches(8), 4096);
    const uint16_t port = house.server->port();
    std::atomic<uint32_t> answered{0};
    std::atomic<int> connected{0};
    std::vector<std::thread> peers;
    for (int i = 0; i < 3; i++) {
      peers.emplace_back([&] {
        Peer peer(port);
        connected++;
        for (uint32_t id = 0; id < 1'000; id++) peer.infer(id, request(rowsOf(1)));
        for (wire::Frame frame; peer.next(frame);) answered += frame.type == wire::FrameType::kAnswer ? 1 : 0;
      });
    }
    while (answered < 100 || connected < 3) std::this_thread::yield();
    if (round % 2 == 0) house.server->announceDraining();
    std::thread operators([&] {
      for (int i = 0; i < 200; i++) house.served->describe({{"FP32"}, {"FP32"}});
    });
    house.server->stop(round % 3);
    operators.join();
    for (std::thread& peer : peers) peer.join();
    house.batcher->stop(round % 2 == 0);
    CHECK(house.served->inFlight() == 0);
  }
}

MAIN_OF_TESTS
