#include "http2/server.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "http2/connection.h"
#include "http2/grpc_text.h"
#include "sockets/sockets.h"

namespace wire {

namespace {

constexpr size_t kScratchBytes = 64 * 1024;
// Connections taken from the listening socket in one turn.
constexpr int kAcceptsPerTurn = 64;
constexpr double kAttendPeriodMs = 1'000;
// Connections without a call that make way at once when a new one finds no place.
constexpr size_t kMakeWay = 64;
// A call whose unsent answers are above this is asked to wait.
constexpr size_t kOutgoingHighBytes = 1024 * 1024;

void appendField(std::string& to, std::string_view name, std::string_view value) {
  to.append(name).push_back('\0');
  to.append(value).push_back('\0');
}

}  // namespace

double steadyMs() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class Server::Listener : public Pollable {
 public:
  Listener(Server& server, int socket) : server_(server), socket_(socket) {
    server_.poller_.add(socket_, this, EPOLLIN);
  }
  ~Listener() override {
    server_.poller_.remove(socket_);
    ::close(socket_);
  }
  void ready(uint32_t) override { server_.accept(*this); }
  int socket() const { return socket_; }
  // Lets connections wait in the kernel: a socket that stays readable would be told again and again.
  void pause(bool paused) { server_.poller_.change(socket_, this, paused ? 0u : uint32_t{EPOLLIN}); }

 private:
  Server& server_;
  int socket_;
};

Server::Server(const ng::Api& api, Poller& poller, Events& events, ServerLimits limits)
    : ng_(api),
      poller_(poller),
      events_(events),
      limits_(limits),
      ledger_(limits.heldMaxBytes),
      credentials_(events),
      scratch_(kScratchBytes),
      nowMs_(steadyMs()) {}

Server::~Server() { closeAll(); }

int32_t Server::add(std::string path, MethodKind kind) {
  methods_.push_back(std::make_unique<Method>(Method{std::move(path), kind}));
  const auto number = static_cast<int32_t>(methods_.size() - 1);
  byPath_[methods_.back()->path] = number;
  return number;
}

void Server::guard(bool tokens) {
  guarded_ = true;
  tokens_ = tokens;
}

void Server::listen(int socket) { listeners_.push_back(std::make_unique<Listener>(*this, socket)); }

void Server::stopListening() { listeners_.clear(); }

void Server::shutDown(bool last) {
  for (const auto& connection : connections_) connection->shutDown(last);
}

void Server::closeAll() {
  listeners_.clear();
  for (const auto& connection : connections_) {
    connection->flush(SIZE_MAX);
    connection->abandon();
  }
  dirty_.clear();
  reap();
}

void Server::accept(Listener& listener) {
  nowMs_ = steadyMs();
  for (int i = 0; i < kAcceptsPerTurn; i++) {
    std::string peer;
    const int socket = acceptFrom(listener.socket(), peer);
    if (socket < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      // Without descriptors or memory, those without a call make way; else it is tried again after a while.
      if (errno != EAGAIN && errno != EWOULDBLOCK && makeWay() == 0) {
        paused_ = true;
        listener.pause(true);
      }
      return;
    }
    if (connections_.size() - leaving_ >= limits_.connectionsMax && makeWay() == 0) {
      ::close(socket);
      refusals_.connections++;
      continue;
    }
    connections_.push_back(std::make_unique<Connection>(*this, socket, std::move(peer)));
    dirty(*connections_.back());
  }
}

// Asks those to leave that have no call, and cuts them off: first those that never had one, then as long ago
// as they had one last. Clients of gRPC connect again by themselves. Returns how many.
size_t Server::makeWay() {
  std::vector<Connection*> idle;
  for (const auto& connection : connections_)
    if (connection->isIdle()) idle.push_back(connection.get());
  const size_t count = std::min(idle.size(), kMakeWay);
  std::partial_sort(idle.begin(), idle.begin() + static_cast<ptrdiff_t>(count), idle.end(),
                    [](const Connection* a, const Connection* b) {
                      if (a->hasCalled() != b->hasCalled()) return b->hasCalled();
                      return a->calledMs() < b->calledMs();
                    });
  for (size_t i = 0; i < count; i++) idle[i]->leave();
  leaving_ += count;
  return count;
}

void Server::dirty(Connection& connection) {
  if (connection.markDirty()) dirty_.push_back(&connection);
}

void Server::flush() {
  bool broken = false;
  do {
    for (size_t i = 0; i < dirty_.size(); i++) {
      dirty_[i]->flush();
      broken = broken || dirty_[i]->over();
    }
    dirty_.clear();
    resumeReading();
  } while (!dirty_.empty());
  if (broken) reap();
}

// Those whose callers hold less again.
void Server::resumeReading() {
  for (size_t i = 0; i < unread_.size();) {
    if (unread_[i]->isHeldBack()) {
      i++;
      continue;
    }
    unread_[i]->readAgain();
    unread_[i] = unread_.back();
    unread_.pop_back();
  }
}

void Server::forgetUnread(const Connection& connection) {
  unread_.erase(std::find(unread_.begin(), unread_.end(), &connection));
}

void Server::reap() {
  leaving_ = 0;
  connections_.erase(std::remove_if(connections_.begin(), connections_.end(),
                                    [](const auto& connection) { return connection->over(); }),
                     connections_.end());
}

void Server::sweep() {
  nowMs_ = steadyMs();
  deadlines_ = 0;
  calls_.each([this](Call& call) {
    if (call.deadlineMs < 0 || call.ended) return;
    if (nowMs_ < call.deadlineMs) {
      deadlines_++;
      return;
    }
    fail(call, Code::kDeadlineExceeded, "the deadline has passed");
  });
  if (nowMs_ - attendedMs_ < kAttendPeriodMs) return;
  attendedMs_ = nowMs_;
  if (std::exchange(paused_, false))
    for (const auto& listener : listeners_) listener->pause(false);
  for (const auto& connection : connections_) connection->attend(nowMs_);
  handshakeFaults_.tell(events_, nowMs_);
}

Call* Server::openCall(Connection& connection, int32_t stream) {
  Call* call = calls_.open();
  if (call == nullptr) return nullptr;
  call->connection = &connection;
  call->stream = stream;
  call->share = connection.share();
  call->baseBytes = kCallBytes;
  call->share->hold(call->baseBytes);
  return call;
}

void Server::headersDone(Call& call) {
  call.opened = true;
  call.baseBytes += call.headerBytes;
  call.share->hold(call.headerBytes);
  if (call.deadlineMs >= 0) deadlines_++;
  if (call.headerBytes > limits_.headerMaxBytes) {
    return fail(call, Code::kResourceExhausted,
                "headers of " + std::to_string(call.headerBytes) + " bytes; at most " +
                    std::to_string(limits_.headerMaxBytes) + " are taken");
  }
  if (ledger_.room(*call.share) == 0) return failOverfull(call);
  if (!call.isPost || !call.isGrpc)
    return fail(call, Code::kInvalidArgument, "only POST with content-type application/grpc is served here");
  const auto found = byPath_.find(call.path);
  if (found == byPath_.end())
    return fail(call, Code::kUnimplemented, "The server does not implement the method " + call.path);
  if (call.badTimeout) return fail(call, Code::kInvalidArgument, "grpc-timeout is not readable");
  if (call.encoding == Encoding::kUnknown)
    return fail(call, Code::kUnimplemented, "grpc-encoding is unknown; known: identity, deflate, gzip");
  call.method = found->second;
  call.kind = methods_[static_cast<size_t>(call.method)]->kind;
  if (guarded_) ask(call);
  if (call.kind != MethodKind::kStream) return;
  call.announced = true;
  tell(EventKind::kOpened, call);
}

// Before anything of its messages is taken in: bytes of a caller without permission are held for this turn at most.
void Server::ask(Call& call) {
  call.credential = credentials_.take(call.connection->credentials(), call.presented);
  if (credentials_.admits(call.credential, call.method)) return charge(call, credentials_.shareOf(call.credential));
  call.asked = true;
  call.connection->await();
  tell(EventKind::kAsked, call);
}

void Server::admit(Call& call, const std::string& tenant) {
  credentials_.admit(call.credential, call.method);
  if (!tokens_) return;
  if (credentials_.shareOf(call.credential) == nullptr) credentials_.own(call.credential, ledger_.open("tenant " + tenant));
  charge(call, credentials_.shareOf(call.credential));
}

// What the call holds is its caller's from now on.
void Server::charge(Call& call, const std::shared_ptr<Ledger::Share>& share) {
  if (share == nullptr || call.share == share) return;
  const size_t bytes = call.baseBytes + call.inputBytes + call.outputBytes;
  call.share->letGo(bytes);
  call.share->account->workBytes -= call.workBytes;
  call.share = share;
  call.share->account->workBytes += call.workBytes;
  call.share->hold(bytes);
}

void Server::refuse(Call& call, int32_t code, std::string_view message, std::string_view trailers) {
  if (call.connection != nullptr) credentials_.disown(call.connection->credentials(), call.credential);
  end(call, code, message, trailers);
  if (call.announced) release(call);
}

void Server::inputEnded(Call& call) {
  call.inputEnded = true;
  if (call.ended) return;
  if (call.prefixGot > 0) return fail(call, Code::kInvalidArgument, "the last message is cut off");
  if (call.kind == MethodKind::kStream) return tell(EventKind::kHalfClosed, call);
  if (call.inbox.empty()) return fail(call, Code::kInvalidArgument, "a request message is missing");
  if (call.kind == MethodKind::kInfer && announceInfer(call)) return;
  announceUnary(call);
}

void Server::announceUnary(Call& call) {
  call.announced = true;
  tell(EventKind::kUnary, call);
}

// The short way is for requests that carry nothing out of the ordinary.
bool Server::announceInfer(Call& call) {
  const Message& message = call.inbox.front();
  if (call.hasMetadata || message.compressed) return false;
  head_.clear();
  InferParts parts;
  if (!splitInferRequest(message.bytes.data, message.bytes.size, head_, parts)) return false;
  const InferHeads::Found found = heads_.find(head_);
  if (found.number < 0) return false;
  call.id = parts.id;
  call.idBytes = parts.idBytes;
  call.announced = true;
  tell(EventKind::kInfer, call);
  events_.back().numbers[event_layout::kHead] = found.number;
  events_.back().numbers[event_layout::kFresh] = found.fresh ? 1 : 0;
  events_.back().numbers[event_layout::kTraced] = call.hasTrace ? 1 : 0;
  return true;
}

void Server::tell(EventKind kind, const Call& call) {
  Event& event = events_.emplace_back();
  event.kind = kind;
  event.subject = Calls::handleOf(call);
  event.numbers[event_layout::kDeadlineMs] = call.deadlineMs < 0 ? -1 : std::max(0.0, call.deadlineMs - nowMs_);
  event.numbers[event_layout::kMethod] = call.method;
  const bool packed = !call.inbox.empty() && call.inbox.back().compressed;
  event.numbers[event_layout::kEncoding] = packed ? static_cast<double>(call.encoding) : 0;
  event.numbers[event_layout::kBytes] = call.inbox.empty() ? 0 : static_cast<double>(call.inbox.back().bytes.size);
  event.numbers[event_layout::kCredential] = call.credential;
}

void Server::streamClosed(Call& call) {
  if (!call.announced) {
    close(call);
  } else if (!call.ended) {
    tellCancelled(call, Code::kCancelled);
  }
}

void Server::fail(Call& call, Code code, std::string_view message) {
  if (call.ended) return;
  end(call, static_cast<int32_t>(code), message, {});
  if (call.announced) tellCancelled(call, code);
}

void Server::tellCancelled(const Call& call, Code code) {
  tell(EventKind::kCancelled, call);
  events_.back().numbers[event_layout::kCancelCode] = static_cast<double>(code);
}

void Server::end(Call& call, int32_t code, std::string_view message, std::string_view trailers) {
  if (call.ended || call.connection == nullptr) return;
  call.ended = true;
  appendField(call.trailers, "grpc-status", std::to_string(code));
  if (!message.empty()) appendField(call.trailers, "grpc-message", percentEncode(message));
  call.trailers.append(trailers);
  letGoInput(call, std::exchange(call.incomingBytes, 0));
  call.incoming = {};
  call.connection->resume(call);
}

bool Server::write(Call& call, const Piece* parts, size_t count) {
  if (call.connection == nullptr || call.ended) return true;
  size_t size = 0;
  for (size_t i = 0; i < count; i++) size += parts[i].size;
  const size_t held = kMessagePrefixBytes + size + (1 + count) * kPieceBytes;
  if (held > ledger_.room(*call.share)) {
    fail(call, Code::kResourceExhausted,
         "answer of " + std::to_string(size) + " bytes: " + std::to_string(call.share->heldBytes) +
             " wait on this connection, and no more are kept for a client that does not read");
    return true;
  }
  call.outputBytes += held;
  call.share->hold(held);
  Piece prefix = Piece::whole(BufferRef::make(kMessagePrefixBytes));
  const uint8_t bytes[kMessagePrefixBytes] = {0, static_cast<uint8_t>(size >> 24), static_cast<uint8_t>(size >> 16),
                                       static_cast<uint8_t>(size >> 8), static_cast<uint8_t>(size)};
  std::memcpy(prefix.owner.data(), bytes, kMessagePrefixBytes);
  call.outgoing.push_back(std::move(prefix));
  for (size_t i = 0; i < count; i++)
    if (parts[i].size > 0) call.outgoing.push_back(parts[i]);
  call.outgoingBytes += kMessagePrefixBytes + size;
  call.connection->resume(call);
  call.wantsDrain = call.outgoingBytes > kOutgoingHighBytes;
  return !call.wantsDrain;
}

void Server::finish(Call& call, int32_t code, std::string_view message, std::string_view trailers) {
  end(call, code, message, trailers);
  release(call);
}

void Server::release(Call& call) {
  Calls::forget(call);
  letGoWork(call, call.workBytes);
  letGoInput(call, call.inputBytes);
  if (call.connection == nullptr) close(call);
}

void Server::close(Call& call) {
  letGoWork(call, call.workBytes);
  call.share->letGo(call.baseBytes + call.inputBytes + call.outputBytes);
  credentials_.release(call.credential);
  calls_.close(&call);
}

}  // namespace wire
