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

// What is taken from one connection before the others have their turn: bytes, and calls, which may be hundreds in as many
// bytes as one, and each of which costs more than reading it.
constexpr size_t kReadBudgetBytes = 2 * 1024 * 1024;
constexpr size_t kReadBudgetCalls = 16;
// Read at a time where no body is received in its place: of small calls not many more than a turn's.
constexpr size_t kReadChunkBytes = 8 * 1024;
// Below this the rest of a frame is read with what follows it instead of straight into its message.
constexpr size_t kDirectMinBytes = 16 * 1024;
// A peer that does not read gets no more of its answers serialised than this.
constexpr size_t kOutboxMaxBytes = 4 * 1024 * 1024;
constexpr size_t kTrailersMax = 64;

using namespace std::string_view_literals;

ng::NameValue field(std::string_view name, std::string_view value, bool fixed = true) {
  return {reinterpret_cast<const uint8_t*>(name.data()), reinterpret_cast<const uint8_t*>(value.data()),
          name.size(), value.size(), static_cast<uint8_t>(fixed ? ng::kNoCopyName | ng::kNoCopyValue : 0)};
}

size_t appendTrailers(const std::string& flat, ng::NameValue* to) {
  size_t count = 0;
  std::string_view rest(flat);
  while (!rest.empty() && count < kTrailersMax) {
    const std::string_view name = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(name.size() + 1);
    const std::string_view value = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(value.size() + 1);
    to[count++] = field(name, value, false);
  }
  return count;
}

}  // namespace

Connection::Connection(Server& server, int socket, std::string peer)
    : server_(server),
      ng_(server.ng_),
      socket_(socket),
      peer_(std::move(peer)),
      createdMs_(server.nowMs()),
      heardMs_(createdMs_),
      calledMs_(createdMs_) {
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
  server_.poller_.add(socket_, this, EPOLLIN);
}

Connection::~Connection() {
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
  if (flags & (EPOLLIN | EPOLLHUP | EPOLLERR)) read();
  server_.dirty(*this);
}

void Connection::read() {
  heardMs_ = server_.nowMs();
  pingedMs_ = 0;
  callsRead_ = 0;
  if (tls_ != nullptr) return readSealed();
  for (size_t budget = kReadBudgetBytes; budget > 0 && callsRead_ < kReadBudgetCalls && !broken_;) {
    uint8_t* to = server_.scratch();
    size_t room = std::min(server_.scratchBytes(), kReadChunkBytes);
    directTarget(to, room);
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

// Record by record, each straight to where it belongs. The library may hold what it took from the socket, so this goes on
// until it has nothing more; the socket is what the budget limits.
void Connection::readSealed() {
  tls_->beginTurn(kReadBudgetBytes);
  while (!broken_) {
    uint8_t* to = server_.scratch();
    size_t room = std::min(server_.scratchBytes(), kReadChunkBytes);
    directTarget(to, room);
    const ssize_t got = tls_->read(to, room);
    if (got == 0) return;
    if (got > 0) {
      feed(to, static_cast<size_t>(got));
      if (callsRead_ >= kReadBudgetCalls) tls_->beginTurn(0);  // what is opened already is read to its end
      continue;
    }
    broken_ = true;
    if (!tls_->ready() && tls_->heard()) server_.handshakeFaults_.note(peer_, tls_->fault());
  }
}

// The rest of a DATA frame goes straight to where its message is put together; nghttp2 is then shown it there.
bool Connection::directTarget(uint8_t*& to, size_t& room) const {
  if (direct_ == nullptr || !direct_->incoming.bytes.owner || frameBytes_ <= frameGot_) return false;
  const size_t left = std::min(frameBytes_ - frameGot_, direct_->incoming.bytes.size - direct_->filled);
  if (left < kDirectMinBytes) return false;
  to = const_cast<uint8_t*>(direct_->incoming.bytes.data) + direct_->filled;
  room = left;
  return true;
}

void Connection::feed(const uint8_t* bytes, size_t size) {
  const ssize_t read = ng_.session_mem_recv(session_, bytes, size);
  if (read < 0 || static_cast<size_t>(read) != size) broken_ = true;
}

void Connection::flush() {
  dirty_ = false;
  while (!broken_) {
    const uint8_t* bytes = nullptr;
    ssize_t size = 0;
    while ((size = ng_.session_mem_send(session_, &bytes)) > 0) outbox_.append(bytes, static_cast<size_t>(size));
    if (size < 0) broken_ = true;
    const Flush flushed = tls_ == nullptr ? outbox_.flush(socket_) : tls_->flush(outbox_);
    if (flushed == Flush::kBroken) broken_ = true;
    const bool blocked = flushed == Flush::kBlocked;
    if (blocked != writeBlocked_) {
      writeBlocked_ = blocked;
      server_.poller_.change(socket_, this, blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
    if (blocked || stalled_.empty()) break;
    for (Call* call : std::exchange(stalled_, {})) {
      call->stalled = false;
      ng_.session_resume_data(session_, call->stream);
    }
  }
  if (!writeBlocked_ && outbox_.bytes() == 0 && ng_.session_want_read(session_) == 0 && ng_.session_want_write(session_) == 0)
    broken_ = true;
}

void Connection::resume(Call& call) {
  if (!call.responded) {
    submitHead(call);
  } else if (call.deferred) {
    call.deferred = false;
    ng_.session_resume_data(session_, call.stream);
  }
  server_.dirty(*this);
}

// A call that ends without a message has its status in its only header block.
void Connection::submitHead(Call& call) {
  call.responded = true;
  ng::NameValue fields[3 + kTrailersMax] = {
      field(":status"sv, call.isGrpc ? "200"sv : "415"sv),
      field("content-type"sv, "application/grpc"sv),
      field("grpc-accept-encoding"sv, "identity,deflate,gzip"sv),
  };
  if (call.ended && call.outgoing.empty()) {
    const size_t count = appendTrailers(call.trailers, fields + 3);
    ng_.submit_response(session_, call.stream, fields, 3 + count, nullptr);
    return;
  }
  ng::DataProvider provider{};
  provider.read = SessionCallbacks::supply;
  ng_.submit_response(session_, call.stream, fields, 3, &provider);
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
  server_.receive(*call, data, size);
  direct_ = call->incoming.bytes.owner ? call : nullptr;
  return 0;
}

// A peer that is still sending is told to stop once it has the status.
int Connection::sent(const ng::Frame* frame) {
  if (frame->hd.type != ng::kHeaders || (frame->hd.flags & ng::kFlagEndStream) == 0) return 0;
  const Call* call = callOf(frame->hd.streamId);
  if (call != nullptr && !call->inputEnded)
    ng_.submit_rst_stream(session_, 0, frame->hd.streamId, ng::kNoError);
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

// Says how much of the call's output the next DATA frame takes; `sendData` takes it.
ssize_t Connection::supply(int32_t stream, size_t length, uint32_t* flags) {
  Call* call = callOf(stream);
  if (call == nullptr) return ng::kTemporalCallbackFailure;
  if (outbox_.bytes() > kOutboxMaxBytes) {
    call->stalled = true;
    stalled_.push_back(call);
    return ng::kDeferred;
  }
  if (call->outgoingBytes == 0 && !call->ended) {
    call->deferred = true;
    return ng::kDeferred;
  }
  const size_t count = std::min(length, call->outgoingBytes);
  if (count == call->outgoingBytes && call->ended) {
    *flags |= ng::kDataEof | ng::kDataNoEndStream;
    ng::NameValue fields[kTrailersMax];
    ng_.submit_trailer(session_, stream, fields, appendTrailers(call->trailers, fields));
  }
  if (count > 0) *flags |= ng::kDataNoCopy;
  return static_cast<ssize_t>(count);
}

int Connection::sendData(int32_t stream, const uint8_t* header, size_t length) {
  constexpr size_t kFrameHeaderBytes = 9;
  Call* call = callOf(stream);
  if (call == nullptr) return ng::kTemporalCallbackFailure;
  outbox_.append(header, kFrameHeaderBytes);
  call->outgoingBytes -= length;
  while (length > 0) {
    Piece& front = call->outgoing.front();
    if (front.size > length) {
      outbox_.append(Piece{front.owner, front.data, length});
      front.data += length;
      front.size -= length;
      break;
    }
    length -= front.size;
    outbox_.append(std::move(front));
    call->outgoing.pop_front();
  }
  if (call->outgoingBytes == 0 && call->wantsDrain) {
    call->wantsDrain = false;
    server_.tell(EventKind::kDrained, *call);
  }
  return 0;
}

}  // namespace wire
