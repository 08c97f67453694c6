#include "http2/server.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "http2/connection.h"
#include "http2/grpc_text.h"
#include "sockets/sockets.h"

namespace wire {

namespace {

constexpr size_t kScratchBytes = 256 * 1024;
// Connections taken from the listening socket in one turn.
constexpr int kAcceptsPerTurn = 64;
constexpr double kAttendPeriodMs = 1'000;
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
  void ready(uint32_t) override { server_.accept(socket_); }

 private:
  Server& server_;
  int socket_;
};

Server::Server(const ng::Api& api, Poller& poller, Events& events, ServerLimits limits)
    : ng_(api), poller_(poller), events_(events), limits_(limits), credentials_(events), scratch_(kScratchBytes), nowMs_(steadyMs()) {}

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
  for (const auto& connection : connections_) connection->abandon();
  dirty_.clear();
  reap();
}

void Server::accept(int listener) {
  nowMs_ = steadyMs();
  for (int i = 0; i < kAcceptsPerTurn; i++) {
    std::string peer;
    const int socket = acceptFrom(listener, peer);
    if (socket < 0) return;
    if (connections_.size() >= limits_.connectionsMax) {
      ::close(socket);
      refusals_.connections++;
      continue;
    }
    connections_.push_back(std::make_unique<Connection>(*this, socket, std::move(peer)));
    dirty(*connections_.back());
  }
}

void Server::dirty(Connection& connection) {
  if (connection.markDirty()) dirty_.push_back(&connection);
}

void Server::flush() {
  bool broken = false;
  for (size_t i = 0; i < dirty_.size(); i++) {
    dirty_[i]->flush();
    broken = broken || dirty_[i]->over();
  }
  dirty_.clear();
  if (broken) reap();
}

void Server::reap() {
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
  for (const auto& connection : connections_) connection->attend(nowMs_);
  handshakeFaults_.tell(events_, nowMs_);
}

Call* Server::openCall(Connection& connection, int32_t stream) {
  Call* call = calls_.open();
  if (call == nullptr) return nullptr;
  call->connection = &connection;
  call->stream = stream;
  return call;
}

void Server::headersDone(Call& call) {
  call.opened = true;
  if (call.deadlineMs >= 0) deadlines_++;
  if (call.headerBytes > limits_.headerMaxBytes) {
    return fail(call, Code::kResourceExhausted,
                "headers of " + std::to_string(call.headerBytes) + " bytes; at most " +
                    std::to_string(limits_.headerMaxBytes) + " are taken");
  }
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
  if (credentials_.admits(call.credential, call.method)) return;
  call.asked = true;
  tell(EventKind::kAsked, call);
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

void Server::receive(Call& call, const uint8_t* data, size_t size) {
  if (call.inbox.empty() || call.kind != MethodKind::kStream) {
    call.connection->consume(call, size);
  } else {
    call.unconsumed += size;
  }
  while (size > 0 && !call.ended) {
    if (call.prefixGot < kMessagePrefixBytes) {
      const size_t count = std::min(size, kMessagePrefixBytes - call.prefixGot);
      std::memcpy(call.prefix + call.prefixGot, data, count);
      call.prefixGot += count;
      data += count;
      size -= count;
      if (call.prefixGot < kMessagePrefixBytes || !beginMessage(call)) continue;
    } else {
      const size_t count = std::min(size, call.incoming.bytes.size - call.filled);
      auto* to = const_cast<uint8_t*>(call.incoming.bytes.data) + call.filled;
      // What was read straight into the message lies there already.
      if (to != data) std::memcpy(to, data, count);
      call.filled += count;
      data += count;
      size -= count;
    }
    if (call.filled == call.incoming.bytes.size) messageDone(call);
  }
}

bool Server::beginMessage(Call& call) {
  const uint8_t* p = call.prefix;
  const size_t size = (size_t{p[1]} << 24) | (size_t{p[2]} << 16) | (size_t{p[3]} << 8) | p[4];
  if (p[0] > 1 || (p[0] == 1 && call.encoding == Encoding::kIdentity)) {
    fail(call, Code::kInvalidArgument, "a message is marked as compressed, but grpc-encoding names no compression");
    return false;
  }
  if (call.kind != MethodKind::kStream && !call.inbox.empty()) {
    fail(call, Code::kInvalidArgument, "more than one request message");
    return false;
  }
  if (size > limits_.messageMaxBytes) {
    fail(call, Code::kResourceExhausted,
         "message of " + std::to_string(size) + " bytes; at most " + std::to_string(limits_.messageMaxBytes) +
             " are taken");
    return false;
  }
  if (heldBytes_ + size > limits_.heldMaxBytes) {
    refusals_.bytes++;
    fail(call, Code::kResourceExhausted,
         "requests of " + std::to_string(heldBytes_) + " bytes are held; at most " +
             std::to_string(limits_.heldMaxBytes) + " are, try again later");
    return false;
  }
  hold(call, size);
  call.incoming.bytes = Piece::whole(BufferRef::make(size));
  call.incoming.compressed = p[0] == 1;
  call.filled = 0;
  return true;
}

void Server::messageDone(Call& call) {
  call.prefixGot = 0;
  call.inbox.push_back(std::move(call.incoming));
  call.incoming = {};
  if (call.kind == MethodKind::kStream && call.announced) tell(EventKind::kMessage, call);
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
  if (call.incoming.bytes.owner) {
    letGo(call, call.incoming.bytes.size);
    call.incoming = {};
  }
  call.connection->resume(call);
}

Message Server::take(Call& call) {
  Message message;
  if (call.inbox.empty()) return message;
  message = std::move(call.inbox.front());
  call.inbox.pop_front();
  letGo(call, message.bytes.size);
  if (call.inbox.empty() && call.unconsumed > 0 && call.connection != nullptr)
    call.connection->consume(call, std::exchange(call.unconsumed, 0));
  return message;
}

bool Server::write(Call& call, const Piece* parts, size_t count) {
  if (call.connection == nullptr || call.ended) return true;
  size_t size = 0;
  for (size_t i = 0; i < count; i++) size += parts[i].size;
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
  letGo(call, call.heldBytes);
  if (call.connection == nullptr) close(call);
}

void Server::close(Call& call) {
  letGo(call, call.heldBytes);
  credentials_.release(call.credential);
  calls_.close(&call);
}

void Server::hold(Call& call, size_t bytes) {
  call.heldBytes += bytes;
  heldBytes_ += bytes;
}

void Server::letGo(Call& call, size_t bytes) {
  call.heldBytes -= bytes;
  heldBytes_ -= bytes;
}

}  // namespace wire
