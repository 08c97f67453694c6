// A link server over the fake engine, and peers that speak to it through real sockets.
#pragma once

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

inline double steadyMs() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A ModelInferRequest with rows of kFakeWidth floats for input `x`.
inline std::string request(const std::vector<float>& values) {
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

// The same with typed contents; for what is shorter than 128 bytes.
inline std::string typedRequest(const std::vector<float>& values) {
  const std::string raw = request(values);
  const size_t inputBytes = static_cast<size_t>(raw[1]);
  const size_t count = values.size() * sizeof(float);
  const std::string list = std::string("\x32") + static_cast<char>(count) + std::string(reinterpret_cast<const char*>(values.data()), count);
  const std::string input = raw.substr(2, inputBytes) + "\x2a" + static_cast<char>(list.size()) + list;
  return std::string("\x2a") + static_cast<char>(input.size()) + input;
}

inline std::vector<float> rowsOf(float value, size_t rows = 1) { return std::vector<float>(rows * kFakeWidth, value); }

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
inline float firstOf(const wire::Frame& frame, size_t rows = 1) {
  float value = NAN;
  const size_t bytes = rows * kFakeWidth * sizeof value;
  if (frame.type != wire::FrameType::kAnswer || frame.body.size() < bytes) return value;
  std::memcpy(&value, frame.body.data() + frame.body.size() - bytes, sizeof value);
  return value;
}

inline std::string messageOf(const wire::Frame& frame) {
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

  // Whether anything was handed to JavaScript.
  bool reachedJs() {
    std::lock_guard<std::mutex> lock(mutex);
    return !foreign.empty() || !events.empty();
  }
};

inline BatcherOptions batches(int32_t maxBatch) {
  BatcherOptions options;
  options.maxBatch = maxBatch;
  return options;
}
