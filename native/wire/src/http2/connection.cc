#include "http2/connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "http2/grpc_text.h"
#include "http2/server.h"
#include "http2/session_callbacks.h"

namespace wire {

namespace {

// What is taken from one connection before the others have their turn: bytes, and calls, which may be
// hundreds in as many bytes as one, and each of which costs more than reading it.
constexpr size_t kReadBudgetBytes = 256 * 1024;
constexpr size_t kReadBudgetCalls = 16;
// Messages of streams, which may be thousands in as many bytes, and bytes that belong to no message: decoding
// one of those costs up to a hundred times what moving one does.
constexpr size_t kReadBudgetMessages = 512;
constexpr size_t kReadBudgetHeadBytes = 64 * 1024;
// Read at a time where no body is received in its place: of small calls not many more than a turn's.
constexpr size_t kReadChunkBytes = 8 * 1024;
// Of a large message so much: most clients send frames of 16 KiB, too small to be received in its place.
constexpr size_t kBodyChunkBytes = 64 * 1024;
// Below this the rest of a frame is read with what follows it instead of straight into its message.
constexpr size_t kDirectMinBytes = 16 * 1024;

}  // namespace

Connection::Connection(Server& server, int socket, std::string peer)
    : server_(server),
      ng_(server.ng_),
      socket_(socket),
      peer_(std::move(peer)),
      createdMs_(server.nowMs()),
      heardMs_(createdMs_),
      calledMs_(createdMs_),
      takenMs_(createdMs_),
      watched_(EPOLLIN) {
  share_ = server.ledger_.open(peer_.substr(0, peer_.rfind(':')));
  session_ = SessionCallbacks::open(ng_, *this);
  const ServerLimits& limits = server.limits_;
  const ng::Setting settings[] = {
      {ng::kMaxConcurrentStreams, limits.maxConcurrentStreams},
      {ng::kInitialWindowSize, limits.receiveWindowBytes},
      {ng::kMaxFrameSize, limits.maxFrameBytes},
      {ng::kMaxHeaderListSize, static_cast<uint32_t>(limits.headerMaxBytes)},
  };
  ng_.submit_settings(session_, 0, settings, std::size(settings));
  ng_.session_set_local_window_size(session_, 0, 0, static_cast<int32_t>(limits.receiveWindowBytes));
  if (server.tls_ != nullptr) tls_ = std::make_unique<TlsSession>(server.tls_, socket);
  server_.poller_.add(socket_, this, watched_);
}

Connection::~Connection() {
  if (heldBack_) server_.forgetUnread(*this);
  share_->letGo(countedBytes_);
  for (Call* call : calls_) {
    call->connection = nullptr;
    server_.streamClosed(*call);
  }
  server_.credentials_.clear(credentials_);
  if (session_ != nullptr) ng_.session_del(session_);
  server_.poller_.remove(socket_);
  if (tls_ != nullptr) tls_->close();
  close(socket_);
}

void Connection::ready(uint32_t flags) {
  if (broken_) return;
  // Of a connection that is not read, nothing else tells that its client is gone.
  if (flags & EPOLLRDHUP) broken_ = true;
  if ((flags & (EPOLLHUP | EPOLLERR)) != 0 || ((flags & EPOLLIN) != 0 && !isHeldBack())) read();
  server_.dirty(*this);
}

// A gateway brings the calls of several: there the one who holds too much is refused, and the others are read.
bool Connection::isHeldBack() const {
  return lastShare_ != nullptr && credentials_.size() <= 1 && server_.ledger_.isOver(*lastShare_);
}

void Connection::read() {
  heardMs_ = server_.nowMs();
  pingedMs_ = 0;
  callsRead_ = messagesRead_ = headRead_ = 0;
  asked_ = false;
  if (tls_ != nullptr) return readSealed();
  for (size_t budget = kReadBudgetBytes; budget > 0 && !turnIsOver() && !broken_;) {
    uint8_t* to = server_.scratch();
    size_t room = std::min(server_.scratchBytes(), chunkBytes());
    directTarget(to, room);
    room = std::min(room, budget);
    const ssize_t got = recv(socket_, to, room, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got <= 0) {
      broken_ = true;
      return;
    }
    feed(to, static_cast<size_t>(got));
    if (static_cast<size_t>(got) < room) return;
    budget -= std::min(budget, static_cast<size_t>(got));
  }
}

// Record by record, each straight to where it belongs. The library may hold what it took from the socket, so
// this goes on until it has nothing more; the socket is what the budget limits.
void Connection::readSealed() {
  tls_->beginTurn(kReadBudgetBytes);
  while (!broken_) {
    uint8_t* to = server_.scratch();
    size_t room = std::min(server_.scratchBytes(), chunkBytes());
    directTarget(to, room);
    const ssize_t got = tls_->read(to, room);
    if (got == 0) return;
    if (got > 0) {
      feed(to, static_cast<size_t>(got));
      if (turnIsOver()) tls_->beginTurn(0);  // what is opened already is read to its end
      continue;
    }
    broken_ = true;
    if (!tls_->ready() && tls_->heard()) server_.handshakeFaults_.note(peer_, tls_->fault());
  }
}

size_t Connection::chunkBytes() const {
  if (direct_ == nullptr) return kReadChunkBytes;
  return std::clamp(direct_->expected - direct_->filled, kReadChunkBytes, kBodyChunkBytes);
}

// The rest of a DATA frame goes straight to where its message is put together; nghttp2 is then shown it
// there.
bool Connection::directTarget(uint8_t*& to, size_t& room) const {
  if (direct_ == nullptr || !direct_->incoming.bytes.owner || frameBytes_ <= frameGot_) return false;
  const size_t left = std::min(frameBytes_ - frameGot_, direct_->incoming.bytes.size - direct_->filled);
  if (left < kDirectMinBytes) return false;
  to = const_cast<uint8_t*>(direct_->incoming.bytes.data) + direct_->filled;
  room = left;
  return true;
}

void Connection::readAgain() {
  heldBack_ = false;
  server_.dirty(*this);
}

bool Connection::turnIsOver() const {
  return asked_ || isHeldBack() || callsRead_ >= kReadBudgetCalls || messagesRead_ >= kReadBudgetMessages ||
         headRead_ >= kReadBudgetHeadBytes;
}

void Connection::feed(const uint8_t* bytes, size_t size) {
  const ssize_t read = ng_.session_mem_recv(session_, bytes, size);
  if (read < 0 || static_cast<size_t>(read) != size) broken_ = true;
  if (frameType_ != ng::kData) headRead_ += size;
}

void Connection::consume(const Call& call, size_t bytes) {
  ng_.session_consume_stream(session_, call.stream, bytes);
  server_.dirty(*this);
}

void Connection::shutDown(bool last) {
  if (last) {
    ng_.submit_goaway(session_, 0, ng_.session_get_last_proc_stream_id(session_), ng::kNoError, nullptr, 0);
  } else {
    ng_.submit_shutdown_notice(session_);
  }
  server_.dirty(*this);
}

void Connection::leave() {
  shutDown(true);
  flush();
  broken_ = true;
  server_.dirty(*this);
}

void Connection::attend(double nowMs) {
  const ServerLimits& limits = server_.limits_;
  if (!greeted_ && nowMs - createdMs_ > limits.handshakeMaxMs) {
    broken_ = true;
    if (tls_ != nullptr && !tls_->ready()) server_.handshakeFaults_.note(peer_, "it took too long");
  }
  if (pingedMs_ > 0 && nowMs - pingedMs_ > limits.keepaliveTimeoutMs) broken_ = true;
  if (pingedMs_ == 0 && nowMs - heardMs_ > limits.keepaliveMs) {
    pingedMs_ = nowMs;
    ng_.submit_ping(session_, 0, nullptr);
  }
  if (!waits()) takenMs_ = nowMs;
  if (nowMs - takenMs_ > limits.unreadMaxMs) broken_ = true;
  endLate(nowMs);
  leaveIdle(nowMs);
  if (pingedMs_ > 0 || broken_) server_.dirty(*this);
}

// Ends calls whose only request drips; one whose headers do has no way to be told.
void Connection::endLate(double nowMs) {
  const double requestMaxMs = server_.limits_.requestMaxMs;
  for (Call* call : calls_) {
    if (call->inputEnded || call->ended || nowMs - call->beganMs <= requestMaxMs) continue;
    if (!call->opened) {
      broken_ = true;
    } else if (call->kind != MethodKind::kStream) {
      server_.refusals_.time++;
      server_.fail(*call, Code::kDeadlineExceeded,
                   "the request did not come whole within " +
                       std::to_string(static_cast<int64_t>(requestMaxMs)) + " ms");
    }
  }
}

// Asks a client without calls to leave, and cuts it off when it does not.
void Connection::leaveIdle(double nowMs) {
  const ServerLimits& limits = server_.limits_;
  if (!calls_.empty()) calledMs_ = nowMs;
  if (leftMs_ > 0 && calls_.empty() && nowMs - leftMs_ > limits.keepaliveTimeoutMs) broken_ = true;
  if (leftMs_ > 0 || nowMs - calledMs_ <= limits.idleMaxMs) return;
  leftMs_ = nowMs;
  shutDown(true);
}

Call* Connection::callOf(int32_t stream) const {
  return static_cast<Call*>(ng_.session_get_stream_user_data(session_, stream));
}

int Connection::received(const ng::Frame* frame) {
  const ng::FrameHeader& hd = frame->hd;
  if (hd.type == ng::kSettings) greeted_ = true;
  if (hd.type != ng::kHeaders && hd.type != ng::kData) return 0;
  direct_ = nullptr;
  heading_ = nullptr;
  Call* call = callOf(hd.streamId);
  if (call == nullptr) return 0;
  if (hd.type == ng::kHeaders && !call->opened) server_.headersDone(*call);
  if (hd.flags & ng::kFlagEndStream) server_.inputEnded(*call);
  return 0;
}

int Connection::chunk(int32_t stream, const uint8_t* data, size_t size) {
  frameGot_ += size;
  ng_.session_consume_connection(session_, size);
  Call* call = callOf(stream);
  if (call == nullptr) return 0;
  lastShare_ = call->share;
  server_.receive(*call, data, size);
  direct_ = call->incoming.bytes.owner ? call : nullptr;
  return 0;
}

int Connection::closed(int32_t stream) {
  Call* call = callOf(stream);
  if (call == nullptr) return 0;
  release(*call);
  call->connection = nullptr;
  server_.streamClosed(*call);
  return 0;
}

void Connection::release(Call& call) {
  if (direct_ == &call) direct_ = nullptr;
  if (heading_ == &call) heading_ = nullptr;
  if (call.stalled) stalled_.erase(std::find(stalled_.begin(), stalled_.end(), &call));
  calls_[call.place] = calls_.back();
  calls_[call.place]->place = call.place;
  calls_.pop_back();
}

}  // namespace wire
