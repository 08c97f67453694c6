// A link server over the fake engine, spoken to through real sockets.
#include "serving/frame_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <condition_variable>
#include <map>

#include "check.h"
#include "fake_engine.h"

using namespace cb;

namespace {

double steadyMs() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A ModelInferRequest with rows of kFakeWidth floats for input `x`.
std::string request(const std::vector<float>& values) {
  const size_t rows = values.size() / kFakeWidth;
  std::string shape;
  for (size_t rest = rows; rest > 0; rest >>= 7) shape.push_back(static_cast<char>(rest >= 128 ? rest | 128 : rest));
  shape.push_back(static_cast<char>(kFakeWidth));
  std::string input = std::string("\x0a\x01x\x12\x04") + "FP32" + "\x1a" + static_cast<char>(shape.size()) + shape;
  std::string bytes = std::string("\x2a") + static_cast<char>(input.size()) + input;
  const size_t count = values.size() * sizeof(float);
  bytes.push_back('\x3a');
  for (size_t rest = count; rest > 0; rest >>= 7) bytes.push_back(static_cast<char>(rest >= 128 ? rest | 128 : rest));
  return bytes.append(reinterpret_cast<const char*>(values.data()), count);
}

std::vector<float> rowsOf(float value, size_t rows = 1) { return std::vector<float>(rows * kFakeWidth, value); }

// A frontend's end of a connection.
class Peer {
 public:
  explicit Peer(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    CHECK(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  ~Peer() { hangUp(); }

  void hangUp() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  void send(const std::string& bytes) {
    for (size_t at = 0; at < bytes.size();) {
      const ssize_t sent = ::send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) return;
      at += static_cast<size_t>(sent);
    }
  }

  void infer(uint32_t id, const std::string& body, const char* variant = "fake", double timeoutMs = 0,
             const wire::TraceContext& trace = {}) {
    wire::InferHeader header;
    header.variant = variant;
    header.trace = trace;
    header.timeoutMs = timeoutMs;
    std::string head;
    wire::appendInferHead(id, header, body.size(), head);
    send(head + body);
  }

  void cancel(uint32_t id) {
    std::string frame;
    wire::appendBare(wire::FrameType::kCancel, id, frame);
    send(frame);
  }

  void present(const std::string& credential) {
    std::string frame;
    wire::appendCredential(credential, frame);
    send(frame);
  }

  // The next frame; false: the connection has ended.
  bool next(wire::Frame& frame) {
    while (!reader_.next(frame)) {
      const wire::FrameReader::Spaces spaces = reader_.spaces();
      const ssize_t count = recv(fd_, spaces.first.data, spaces.first.bytes, 0);
      if (count <= 0) return false;
      reader_.filled(static_cast<size_t>(count));
    }
    return true;
  }

  // Frames of `count` queries by id, greetings left out.
  std::map<uint32_t, wire::Frame> settle(size_t count) {
    std::map<uint32_t, wire::Frame> settled;
    wire::Frame frame;
    while (settled.size() < count && next(frame)) {
      if (frame.type == wire::FrameType::kAnswer || frame.type == wire::FrameType::kRefusal) {
        settled[frame.id] = std::move(frame);
      }
    }
    return settled;
  }

 private:
  int fd_;
  wire::FrameReader reader_;
};

// The first float of an answer's only output.
float firstOf(const wire::Frame& frame, size_t rows = 1) {
  float value = NAN;
  const size_t bytes = rows * kFakeWidth * sizeof value;
  if (frame.type != wire::FrameType::kAnswer || frame.body.size() < bytes) return value;
  std::memcpy(&value, frame.body.data() + frame.body.size() - bytes, sizeof value);
  return value;
}

std::string messageOf(const wire::Frame& frame) {
  return {reinterpret_cast<char*>(frame.body.data()), frame.body.size()};
}

// A server with one variant, `fake`; deliveries that are not a link's are kept, as are events for JavaScript.
struct House {
  EngineModel* fake;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::unique_ptr<Delivery>> foreign;
  std::vector<link::Event> events;
  bool idle = false;
  std::shared_ptr<Batcher> batcher;
  std::shared_ptr<link::Served> served;
  std::unique_ptr<link::Server> server;

  explicit House(BatcherOptions options, size_t inFlightMax = 1000,
                 std::optional<std::vector<std::string>> secrets = std::nullopt) {
    std::string error;
    std::shared_ptr<Model> model = Model::load(fakeEngine(), {}, error);
    fake = lastFake();
    if (options.queueRowsMax == 0) options.queueRowsMax = 1 << 20;
    options.queueBytesMax = size_t{1} << 30;
    options.ageingMs = 1000;
    batcher = std::make_shared<Batcher>(model, options, steadyMs, [this](std::unique_ptr<Delivery> delivery) {
      delivery = served->deliver(std::move(delivery));
      if (delivery == nullptr) return;
      std::lock_guard<std::mutex> lock(mutex);
      foreign.push_back(std::move(delivery));
      changed.notify_all();
    });
    served = std::make_shared<link::Served>(batcher, std::make_shared<ShapeKeys>(), [this] {
      std::lock_guard<std::mutex> lock(mutex);
      idle = true;
      changed.notify_all();
    });
    served->describe({{"FP32"}, {"FP32"}});
    server = link::Server::open({"127.0.0.1", 0, inFlightMax, std::move(secrets)}, steadyMs,
                                [this](link::Event event) {
                                  std::lock_guard<std::mutex> lock(mutex);
                                  events.push_back(std::move(event));
                                  changed.notify_all();
                                },
                                error);
    CHECK(server != nullptr);
    server->serve("fake", served);
  }
  ~House() {
    hold(*fake, false);
    batcher->stop(false);
    server->stop(1000);
    for (auto& delivery : foreign) batcher->finish(std::move(delivery), false, steadyMs());
  }

  template <typename Holds>
  void await(const Holds& holds) {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return holds(); });
  }
};

BatcherOptions batches(int32_t maxBatch) {
  BatcherOptions options;
  options.maxBatch = maxBatch;
  return options;
}

}  // namespace

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
  CHECK(house.foreign.empty() && house.events.empty());
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
