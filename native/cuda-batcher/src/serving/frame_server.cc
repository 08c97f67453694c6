#include "serving/frame_server.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "process/allocator.h"
#include "sockets/sockets.h"

namespace cb::link {

namespace {

constexpr uint8_t kInvalidArgument = 3;
constexpr uint8_t kResourceExhausted = 8;

// Connections at a time; a frontend opens a handful.
constexpr size_t kConnectionsMax = 1024;
// Longest time until a connection authenticates, where secrets are set, and how often that is checked.
constexpr double kAdmissionMaxMs = 5'000;
constexpr int kAdmissionCheckMs = 500;
// Receives, and bytes, of one connection before the others have their turn.
constexpr int kReceivesPerTurn = 8;
constexpr size_t kReceivedBytesPerTurn = 256 * 1024;
// How long no connection is accepted after the process ran out of descriptors.
constexpr int kPauseMs = 100;
// While stopping, how often it is looked whether everything has left.
constexpr int kStopCheckMs = 5;
// Time without a frame after which the memory of earlier ones is given back.
constexpr int kRestMs = 1'000;
// Tag of field 1, length-delimited: `frames` of LinkRequest.
constexpr char kFramesTag = 0x0a;

// What stands before a frame in a LinkRequest.
void appendMessageHead(size_t frameBytes, std::string& to) {
  to.push_back(kFramesTag);
  for (; frameBytes >= 0x80; frameBytes >>= 7) to.push_back(static_cast<char>(frameBytes | 0x80));
  to.push_back(static_cast<char>(frameBytes));
}

}  // namespace

Wake::Wake(wire::Poller& poller) : descriptor_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  poller.add(descriptor_, this, EPOLLIN);
}

Wake::~Wake() { ::close(descriptor_); }

void Wake::now() { eventfd_write(descriptor_, 1); }

std::unique_ptr<Server> Server::open(const ServerOptions& options, Clock clock, OnEvent onEvent, std::string& error) {
  uint16_t port = options.port;
  const int listener = wire::listenOn(options.host, port, error);
  if (listener >= 0) {
    try {
      return std::unique_ptr<Server>(new Server(options, clock, std::move(onEvent), listener, port));
    } catch (const std::system_error& failure) {
      ::close(listener);
      error = failure.what();
    }
  }
  error = "cannot listen for links on " + options.host + ":" + std::to_string(options.port) + ": " + error;
  return nullptr;
}

Server::Server(const ServerOptions& options, Clock clock, OnEvent onEvent, int listener, uint16_t port)
    : options_(options),
      clock_(clock),
      onEvent_(std::move(onEvent)),
      listener_(listener),
      wake_(poller_),
      port_(port) {
  secrets_.set(options_.secrets);
  poller_.add(listener_, this, EPOLLIN);
  thread_ = std::thread([this] { work(); });
}

Server::~Server() {
  stop(0);
  ::close(listener_);
}

void Server::serve(const std::string& variant, std::shared_ptr<Served> served) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (served == nullptr) served_.erase(variant);
  else served_[variant] = std::move(served);
}

// Under the lock, so that nothing enters what was taken out of the table.
std::shared_ptr<Served> Server::enter(std::string_view variant) {
  variant_.assign(variant);
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = served_.find(variant_);
  if (found == served_.end()) return nullptr;
  found->second->enter();
  return found->second;
}

std::shared_ptr<Connection> Server::find(uint32_t connection) const {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = connections_.find(connection);
  return found == connections_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Connection>> Server::all() const {
  std::vector<std::shared_ptr<Connection>> found;
  std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [number, connection] : connections_) found.push_back(connection);
  return found;
}

void Server::send(uint32_t connection, const uint8_t* frames, size_t count) {
  const std::shared_ptr<Connection> to = find(connection);
  if (to == nullptr) return;
  to->writeForeign(frames, count);
  to->flush();
}

void Server::cut(uint32_t connection) {
  const std::shared_ptr<Connection> found = find(connection);
  if (found != nullptr) found->cut();
}

size_t Server::inFlight() const {
  size_t sum = 0;
  for (const auto& connection : all()) sum += connection->inFlight();
  return sum;
}

void Server::announceDraining() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    draining_ = true;
  }
  for (const auto& connection : all()) {
    if (!connection->admitted()) continue;
    connection->write([](Connection& to) { wire::appendBare(wire::FrameType::kDraining, 0, to.bytes()); });
    connection->flush();
  }
}

void Server::stop(double graceMs) {
  std::lock_guard<std::mutex> lock(stopMutex_);
  if (!thread_.joinable()) return;
  stopAtMs_ = clock_() + graceMs;
  stopping_ = true;
  wake_.now();
  thread_.join();
  // Who was not accepted yet is cut off too.
  shutdown(listener_, SHUT_RDWR);
}

void Server::work() {
  bool rested = true;
  while (!stopping_) {
    const bool paused = !accepting_;
    wait(paused ? kPauseMs : unadmitted_ > 0 ? kAdmissionCheckMs : rested ? -1 : kRestMs);
    if (!received_ && !rested) trimThreadHeap();
    rested = !received_;
    received_ = false;
    if (unadmitted_ > 0) cutUnauthenticated();
    if (!paused) continue;
    accepting_ = true;
    poller_.change(listener_, this, EPOLLIN);
  }
  poller_.remove(listener_);
  while (clock_() < stopAtMs_) {
    const auto connections = all();
    if (std::all_of(connections.begin(), connections.end(), [](const auto& c) { return c->flushed(); })) break;
    wait(kStopCheckMs);
  }
  for (const auto& connection : all()) end(connection);
}

void Server::wait(int timeoutMs) {
  poller_.dispatch(timeoutMs);
  for (const auto& served : touched_) served->batcher().wake();
  touched_.clear();
}

void Server::ready(uint32_t) {
  for (;;) {
    std::string peer;
    const int fd = wire::acceptFrom(listener_, peer);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      poller_.change(listener_, this, 0);
      accepting_ = false;
      return;
    }
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    std::shared_ptr<Connection> connection;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (connections_.size() >= kConnectionsMax) {
        ::close(fd);
        continue;
      }
      connection = adopt(fd);
      if (connection == nullptr) continue;
      connections_.emplace(connection->number(), connection);
    }
    unadmitted_++;
    if (secrets_.asked()) connection->reader().allow(wire::kCredentialFrameBytesMax);
    else admit(*connection);
  }
}

// Null when the kernel watches no more sockets; the connection is closed then.
std::shared_ptr<Connection> Server::adopt(int fd) {
  try {
    return std::make_shared<Connection>(fd, poller_, *this, nextConnection_++, host_, clock_());
  } catch (const std::system_error&) {
    ::close(fd);
    return nullptr;
  }
}

void Server::admit(Connection& connection) {
  unadmitted_--;
  connection.reader().allow(wire::kFrameBytesMax);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    greet(connection);
  }
  connection.flush();
}

void Server::cutUnauthenticated() {
  for (const auto& connection : all()) {
    if (!connection->admitted() && clock_() - connection->openedMs() > kAdmissionMaxMs) end(connection);
  }
}

// Under the lock, so that no connection misses that this executor is draining.
void Server::greet(Connection& connection) {
  connection.admit();
  connection.write([](Connection& to) { wire::appendBare(wire::FrameType::kGreeting, 0, to.bytes()); });
  if (!draining_) return;
  connection.write([](Connection& to) { wire::appendBare(wire::FrameType::kDraining, 0, to.bytes()); });
}

void Server::receive(const std::shared_ptr<Connection>& connection) {
  received_ = true;
  wire::FrameReader& reader = connection->reader();
  size_t budget = kReceivedBytesPerTurn;
  for (int turn = 0; turn < kReceivesPerTurn && budget > 0; turn++) {
    const wire::FrameReader::Spaces spaces = reader.spaces(budget);
    const iovec parts[] = {{spaces.first.data, spaces.first.bytes}, {spaces.second.data, spaces.second.bytes}};
    const ssize_t count = readv(connection->fd(), parts, spaces.second.bytes > 0 ? 2 : 1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (count <= 0) {
      end(connection);
      return;
    }
    reader.filled(static_cast<size_t>(count));
    budget -= static_cast<size_t>(count);
    const double nowMs = clock_();
    for (wire::Frame frame; reader.next(frame);) {
      if (dispatch(connection, frame, nowMs)) continue;
      end(connection);
      return;
    }
    if (!reader.fault().empty()) {
      end(connection);
      return;
    }
    if (static_cast<size_t>(count) < spaces.first.bytes + spaces.second.bytes) break;
  }
  connection->expectBytes(reader.bodyRest());
}

// False: the peer broke the rules, and is cut off.
bool Server::dispatch(const std::shared_ptr<Connection>& connection, wire::Frame& frame, double nowMs) {
  if (frame.type == wire::FrameType::kCredential) {
    if (connection->admitted()) return true;
    if (!secrets_.knows(frame.body.data(), frame.body.size())) return false;
    admit(*connection);
    return true;
  }
  if (!connection->admitted()) return false;
  if (frame.type == wire::FrameType::kInfer) return stopping_ || infer(connection, frame, nowMs);
  if (frame.type != wire::FrameType::kCancel) return false;
  Place place;
  if (!connection->cancel(frame.id, place)) return true;
  if (place.served != nullptr) place.served->cancel(place.ticket);
  else handOver(*connection, frame);
  return true;
}

bool Server::infer(const std::shared_ptr<Connection>& connection, wire::Frame& frame, double nowMs) {
  const Connection::Admission admission = connection->admits(frame.id, options_.inFlightMax);
  if (admission == Connection::Admission::kKnown || admission == Connection::Admission::kUnread) return false;
  const std::shared_ptr<Served> served = enter(frame.infer.variant);
  const auto refuse = [&](uint8_t code, const std::string& message) {
    if (served != nullptr) {
      served->refuse(*connection, frame.id, code, message);
      served->leave();
    } else {
      wire::RefusalHeader header;
      header.code = code;
      header.load.executorUtilisation = host_->executorUtilisation;
      header.load.memoryFreeBytes = host_->memoryFreeBytes;
      connection->write([&](Connection& to) { wire::appendRefusal(frame.id, header, message, to.bytes()); });
    }
    connection->flush();
  };
  // A variant that is not served here is JavaScript's to refuse, which has its own account of what it has in flight.
  if (admission == Connection::Admission::kOverfull && served != nullptr) {
    refuse(kResourceExhausted, "this link has " + std::to_string(connection->inFlight()) +
                                   " queries in flight, allowed are " + std::to_string(options_.inFlightMax));
    return true;
  }
  const wire::Scan scan = wire::scanInferRequest(frame.body.data(), frame.body.size(), head_);
  if (scan == wire::Scan::kTooMany) {
    refuse(kInvalidArgument, "request holds more than " + std::to_string(wire::kInputsMax) + " inputs, " +
                                 std::to_string(wire::kRequestedOutputsMax) + " outputs, " +
                                 std::to_string(wire::kParametersMax) + " parameters or " +
                                 std::to_string(wire::kDimsMax) + " dimensions");
    return true;
  }
  const bool ours = served != nullptr && scan == wire::Scan::kOk;
  if (ours && served->run(connection, frame, head_, nowMs)) {
    if (std::find(touched_.begin(), touched_.end(), served) == touched_.end()) touched_.push_back(served);
    return true;
  }
  if (!ours && served != nullptr) served->leave();
  connection->expect(frame.id, nullptr);
  handOver(*connection, frame);
  return true;
}

void Server::handOver(Connection& connection, const wire::Frame& frame) {
  Event event{connection.number(), {}};
  std::string head;
  if (frame.type == wire::FrameType::kInfer) {
    wire::appendInferHead(frame.id, frame.infer, frame.body.size(), head);
  } else {
    wire::appendBare(frame.type, frame.id, head);
  }
  const size_t bodyBytes = frame.type == wire::FrameType::kInfer ? frame.body.size() : 0;
  event.message.reserve(head.size() + bodyBytes + 6);
  appendMessageHead(head.size() + bodyBytes, event.message);
  event.message += head;
  if (bodyBytes > 0) event.message.append(reinterpret_cast<const char*>(frame.body.data()), bodyBytes);
  onEvent_(std::move(event));
}

void Server::end(const std::shared_ptr<Connection>& connection) {
  if (!connection->admitted()) {
    unadmitted_--;
    unauthenticated_++;
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    connections_.erase(connection->number());
  }
  for (const Place& place : connection->close()) place.served->cancel(place.ticket);
  onEvent_({connection->number(), {}});
}

}  // namespace cb::link
