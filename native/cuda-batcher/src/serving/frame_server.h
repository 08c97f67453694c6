// The native end of an executor's links: one thread receives frames and submits queries to batchers; answers leave from
// the engine's threads. What it does not do itself goes to JavaScript frame by frame, and comes back as frames.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "frames/frame_reader.h"
#include "frames/infer_scan.h"
#include "serving/frontend_connection.h"
#include "serving/secrets.h"
#include "serving/served_batcher.h"
#include "sockets/poller.h"

namespace cb::link {

struct ServerOptions {
  std::string host;  // an IP address
  uint16_t port = 0;
  size_t inFlightMax = 1;  // of one connection
  std::optional<std::vector<std::string>> secrets;  // see Secrets::set
};

// For JavaScript: a frame as one LinkRequest message, or that a connection has ended (empty).
struct Event {
  uint32_t connection = 0;
  std::string message;
};

// Ends a wait of the I/O thread from another one, for good.
class Wake : private wire::Pollable {
 public:
  explicit Wake(wire::Poller& poller);
  ~Wake() override;
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;
  void now();

 private:
  void ready(uint32_t) override {}
  const int descriptor_;
};

class Server : public ConnectionReader, private wire::Pollable {
 public:
  using Clock = double (*)();
  using OnEvent = std::function<void(Event)>;  // on the I/O thread

  // Listens; on failure answers null and a sentence.
  static std::unique_ptr<Server> open(const ServerOptions& options, Clock clock, OnEvent onEvent, std::string& error);
  ~Server() override;  // stop(0)
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const { return port_; }
  HostLoad& host() { return *host_; }
  Secrets& secrets() { return secrets_; }
  // Connections so far that were closed because they did not authenticate.
  size_t unauthenticated() const { return unauthenticated_; }

  // Which batcher runs a variant's queries; null: none, JavaScript says why. Nothing enters the old one any more.
  void serve(const std::string& variant, std::shared_ptr<Served> served);

  // Frames that JavaScript made for one connection; what is gone takes nothing.
  void send(uint32_t connection, const uint8_t* frames, size_t count);
  void cut(uint32_t connection);
  size_t inFlight() const;

  // Asks every frontend, those still to come included, to send no more.
  void announceDraining();

  // Takes no more, lets what is written leave within `graceMs`, cuts every connection and joins. Idempotent.
  void stop(double graceMs);

 private:
  Server(const ServerOptions& options, Clock clock, OnEvent onEvent, int listener, uint16_t port);
  void work();
  void wait(int timeoutMs);
  void ready(uint32_t flags) override;  // the listening socket
  std::shared_ptr<Connection> adopt(int fd);
  void greet(Connection& connection);
  void admit(Connection& connection);
  void cutUnauthenticated();
  void receive(const std::shared_ptr<Connection>& connection) override;
  bool dispatch(const std::shared_ptr<Connection>& connection, wire::Frame& frame, double nowMs);
  bool infer(const std::shared_ptr<Connection>& connection, wire::Frame& frame, double nowMs);
  void handOver(Connection& connection, const wire::Frame& frame);
  void end(const std::shared_ptr<Connection>& connection);
  std::shared_ptr<Served> enter(std::string_view variant);
  std::shared_ptr<Connection> find(uint32_t connection) const;
  std::vector<std::shared_ptr<Connection>> all() const;

  const ServerOptions options_;
  const Clock clock_;
  const OnEvent onEvent_;
  const int listener_;
  wire::Poller poller_;
  Wake wake_;
  const uint16_t port_;
  const std::shared_ptr<HostLoad> host_ = std::make_shared<HostLoad>();

  mutable std::mutex mutex_;  // of the two tables
  std::unordered_map<std::string, std::shared_ptr<Served>> served_;
  std::unordered_map<uint32_t, std::shared_ptr<Connection>> connections_;
  bool draining_ = false;
  Secrets secrets_;
  std::atomic<size_t> unauthenticated_{0};

  // I/O thread only.
  uint32_t nextConnection_ = 1;
  bool accepting_ = true;
  bool received_ = false;  // since the thread last looked
  size_t unadmitted_ = 0;
  std::string variant_;
  wire::InferHead head_;
  std::vector<std::shared_ptr<Served>> touched_;  // batchers to wake after this burst

  std::atomic<bool> stopping_{false};
  std::atomic<double> stopAtMs_{0};
  std::mutex stopMutex_;
  std::thread thread_;
};

}  // namespace cb::link
