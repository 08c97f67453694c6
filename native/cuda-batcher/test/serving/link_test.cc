// What a link server answers.
#include "link_house.h"

TEST("a connection is greeted, and its queries are answered by their ids") {
  House house(batches(8));
  Peer peer(house.server->port());
  wire::Frame greeting;
  CHECK(peer.next(greeting) && greeting.type == wire::FrameType::kGreeting);
  for (uint32_t id = 0; id < 100; id++) peer.infer(id, request(rowsOf(static_cast<float>(id), 1 + id % 3)));
  const auto answers = peer.settle(100);
  for (uint32_t id = 0; id < 100; id++) CHECK(firstOf(answers.at(id), 1 + id % 3) == static_cast<float>(id + 1));
  CHECK(house.served->takeFigures().servedRows == 199);
  CHECK(house.served->takeFigures().servedRows == 0);
}

TEST("where members have to say who they are, those who do not are cut off, and the others served") {
  House house(batches(8), 1000, std::vector<std::string>{"Bearer now", "Bearer before"});
  const uint16_t port = house.server->port();
  wire::Frame frame;
  for (const char* known : {"Bearer now", "Bearer before"}) {
    Peer peer(port);
    peer.present(known);
    CHECK(peer.next(frame) && frame.type == wire::FrameType::kGreeting);
    peer.infer(1, request(rowsOf(4)));
    CHECK(firstOf(peer.settle(1).at(1)) == 5);
    house.server->secrets().set(std::vector<std::string>{"Bearer now", "Bearer before", "Bearer next"});
    peer.infer(2, request(rowsOf(7)));
    CHECK(firstOf(peer.settle(1).at(2)) == 8);
  }
  for (const std::string& unknown : {std::string("Bearer nox"), std::string(), std::string("Bearer now "), std::string(9'000, 'x')}) {
    Peer peer(port);
    peer.present(unknown);
    CHECK(!peer.next(frame));
  }
  Peer hasty(port);
  hasty.infer(1, request(rowsOf(4)));
  CHECK(!hasty.next(frame));
  Peer large(port);
  large.infer(1, std::string(100'000, 'x'));
  CHECK(!large.next(frame));
  house.server->secrets().set(std::vector<std::string>{"Bearer next"});
  Peer late(port);
  late.present("Bearer now");
  CHECK(!late.next(frame));
  CHECK(house.server->unauthenticated() == 7);
}

TEST("who says nothing is cut off after a while, and hears nothing of a drain before") {
  House house(batches(8), 1000, std::vector<std::string>{"Bearer now"});
  Peer silent(house.server->port());
  Peer member(house.server->port());
  member.present("Bearer now");
  wire::Frame frame;
  CHECK(member.next(frame) && frame.type == wire::FrameType::kGreeting);
  house.server->announceDraining();
  CHECK(member.next(frame) && frame.type == wire::FrameType::kDraining);
  const double startMs = steadyMs();
  CHECK(!silent.next(frame));
  CHECK(steadyMs() - startMs < 10'000);
  CHECK(house.server->unauthenticated() == 1);
}

TEST("who presents something where nothing is asked is served") {
  House house(batches(8));
  Peer peer(house.server->port());
  peer.present("Bearer anything");
  peer.infer(1, request(rowsOf(4)));
  CHECK(firstOf(peer.settle(1).at(1)) == 5);
}

TEST("large outputs are sent from where they lie, however slowly the peer reads") {
  House house(batches(4096));
  Peer peer(house.server->port());
  const size_t rows = 4096;  // 64 KiB a query
  for (uint32_t id = 0; id < 200; id++) peer.infer(id, request(rowsOf(static_cast<float>(id), rows)));
  {
    std::unique_lock<std::mutex> lock(house.mutex);
    house.changed.wait_for(lock, std::chrono::milliseconds(50));  // answers pile up in the socket
  }
  const auto answers = peer.settle(200);
  for (uint32_t id = 0; id < 200; id++) CHECK(firstOf(answers.at(id), rows) == static_cast<float>(id + 1));
}

TEST("a request with typed contents is answered as a raw one, without JavaScript") {
  House house(batches(4));
  Peer peer(house.server->port());
  const std::vector<float> values = rowsOf(3, 2);
  peer.infer(1, request(values));
  peer.infer(2, typedRequest(values));
  peer.infer(3, typedRequest(values) + request(values).substr(request(values).find('\x3a')));  // and raw contents beside
  const auto settled = peer.settle(2);
  CHECK(settled.at(1).type == wire::FrameType::kAnswer && settled.at(2).type == wire::FrameType::kAnswer);
  CHECK(messageOf(settled.at(1)) == messageOf(settled.at(2)));
  house.await([&] { return house.events.size() == 1; });
}

TEST("one batch serves a link and others, each its own rows") {
  House house(batches(4));
  Peer peer(house.server->port());
  hold(*house.fake, true);
  peer.infer(1, request(rowsOf(10)));
  awaitRunning(*house.fake, 1);
  const std::vector<float> own = rowsOf(70);
  Request* mine = house.batcher->blank();
  mine->ticket = 0;
  mine->rows = 1;
  mine->maxBatch = 4;
  mine->inputs.assign(1, {reinterpret_cast<const uint8_t*>(own.data()), own.size() * sizeof(float)});
  mine->bytes = own.size() * sizeof(float);
  mine->dims.clear();
  mine->shapeKey = 0;
  mine->arrivalMs = steadyMs();
  mine->deadlineMs = kNoDeadline;
  peer.infer(2, request(rowsOf(20)));
  while (house.batcher->queuedRows() < 1) std::this_thread::yield();
  CHECK(house.batcher->submit(mine) == Submitted::kAccepted);
  peer.infer(3, request(rowsOf(30)));
  while (house.batcher->queuedRows() < 3) std::this_thread::yield();
  hold(*house.fake, false);
  const auto answers = peer.settle(3);
  CHECK(firstOf(answers.at(2)) == 21 && firstOf(answers.at(3)) == 31);
  CHECK(answers.at(2).answer.batchSize == 3);
  house.await([&] { return !house.foreign.empty(); });
  const Delivery& delivery = *house.foreign.front();
  size_t row = 0;
  while (delivery.members[row] != mine) row++;
  CHECK(static_cast<float*>(delivery.outputs[0].data)[row * kFakeWidth] == 71);
}

TEST("a sampled query runs as every other does, and its times are kept for its spans") {
  House house(batches(4));
  Peer peer(house.server->port());
  wire::TraceContext trace;
  trace.sampled = true;
  hold(*house.fake, true);
  peer.infer(1, request(rowsOf(1)));
  awaitRunning(*house.fake, 1);
  for (uint32_t id = 2; id < 5; id++) {
    trace.traceId[0] = trace.spanId[7] = static_cast<uint8_t>(id);
    peer.infer(id, request(rowsOf(2)), "fake", 0, id == 3 ? wire::TraceContext{} : trace);
  }
  while (house.batcher->queuedRows() < 3) std::this_thread::yield();
  hold(*house.fake, false);
  const auto answers = peer.settle(4);
  const link::Figures figures = house.served->takeFigures();
  CHECK(!house.reachedJs());
  CHECK(figures.traces.size() == 2 && figures.tracesLost == 0);
  const link::TraceSample& sample = figures.traces[1];
  CHECK(sample.trace.traceId[0] == 4 && sample.trace.spanId[7] == 4);
  CHECK(sample.rows == 1 && sample.batch == figures.traces[0].batch);
  CHECK(sample.header.batchSize == 3 && sample.header.queueMs == answers.at(4).answer.queueMs);
  CHECK(sample.header.executorMs == answers.at(4).answer.executorMs);
  CHECK(house.served->takeFigures().traces.empty());
}

TEST("of more sampled queries than are kept the first are, and the rest is counted") {
  House house(batches(8));
  Peer peer(house.server->port());
  wire::TraceContext trace;
  trace.sampled = true;
  for (uint32_t id = 0; id < 300; id++) peer.infer(id, request(rowsOf(1)), "fake", 0, trace);
  peer.settle(300);
  const link::Figures figures = house.served->takeFigures();
  CHECK(figures.traces.size() == 64 && figures.tracesLost == 236);
}

TEST("a query that fails its batch is refused alone") {
  House house(batches(4));
  Peer peer(house.server->port());
  hold(*house.fake, true);
  peer.infer(1, request(rowsOf(1)));
  awaitRunning(*house.fake, 1);
  peer.infer(2, request(rowsOf(2)));
  peer.infer(3, request(rowsOf(kPoison)));
  while (house.batcher->queuedRows() < 2) std::this_thread::yield();
  hold(*house.fake, false);
  const auto settled = peer.settle(3);
  CHECK(firstOf(settled.at(2)) == 3);
  CHECK(settled.at(3).refusal.code == 13 && messageOf(settled.at(3)) == "poison in row 0");
}

TEST("what is cancelled or hung up leaves the queue") {
  House house(batches(1));
  Peer peer(house.server->port());
  hold(*house.fake, true);
  peer.infer(1, request(rowsOf(1)));
  awaitRunning(*house.fake, 1);
  for (uint32_t id = 2; id < 20; id++) peer.infer(id, request(rowsOf(2)));
  while (house.batcher->queuedRows() < 18) std::this_thread::yield();
  for (uint32_t id = 1; id < 10; id++) peer.cancel(id);
  while (house.batcher->queuedRows() > 10) std::this_thread::yield();
  peer.hangUp();
  while (house.batcher->queuedRows() > 0) std::this_thread::yield();
  house.served->watch();
  while (house.served->inFlight() > 1) std::this_thread::yield();  // those that left are told a little later
  CHECK(house.served->inFlight() == 1);                            // it runs
  hold(*house.fake, false);
  house.await([&] { return house.idle; });
  CHECK(house.server->inFlight() == 0 && house.served->inFlight() == 0);
}

TEST("cancellations that cross answers take nobody else's query along") {
  constexpr uint32_t kQueries = 20000;
  House house(batches(4), kQueries);
  Peer peer(house.server->port());
  std::thread sender([&] {
    // Every second query is taken back a little later: some still wait, some run, some have been answered.
    for (uint32_t id = 0; id < kQueries; id++) {
      peer.infer(id, request(rowsOf(static_cast<float>(id % 1000))));
      if (id >= 8 && id % 2 == 0) peer.cancel(id - 8);
    }
  });
  size_t kept = 0;
  wire::Frame frame;
  while (kept < kQueries / 2 && peer.next(frame)) {
    if (frame.type != wire::FrameType::kAnswer) continue;
    CHECK(firstOf(frame) == static_cast<float>(frame.id % 1000 + 1));
    kept += frame.id % 2;
  }
  sender.join();
  CHECK(kept == kQueries / 2);
}

MAIN_OF_TESTS
