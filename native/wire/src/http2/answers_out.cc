// What calls have answered, on its way from them to the socket.
#include <sys/epoll.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "http2/connection.h"
#include "http2/server.h"
#include "http2/session_callbacks.h"

namespace wire {

namespace {

// No more is made ready for a client that does not read, and nothing more is read of it until it does.
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

void Connection::flush(size_t bytesMax) {
  dirty_ = false;
  bool blocked = false;
  while (!broken_) {
    const bool all = serialise();
    const size_t before = outbox_.bytes();
    const Flush flushed = tls_ == nullptr ? outbox_.flush(socket_, bytesMax) : tls_->flush(outbox_, bytesMax);
    if (flushed == Flush::kBroken) broken_ = true;
    if (outbox_.bytes() < before) takenMs_ = server_.nowMs();
    blocked = flushed == Flush::kBlocked;
    if (blocked || (all && stalled_.empty())) break;
    for (Call* call : std::exchange(stalled_, {})) {
      call->stalled = false;
      ng_.session_resume_data(session_, call->stream);
    }
  }
  count();
  watch(blocked);
  if (!blocked && outbox_.bytes() == 0 && ng_.session_want_read(session_) == 0 && ng_.session_want_write(session_) == 0)
    broken_ = true;
}

// What the session has to say, as far as the outbox has room. False: it has more. What stays there is bounded
// by the library (answers to PING and SETTINGS), by the calls a connection may have, and by what is read
// until it reads no more.
bool Connection::serialise() {
  while (outbox_.bytes() <= kOutboxMaxBytes) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = ng_.session_mem_send(session_, &bytes);
    if (size < 0) broken_ = true;
    if (size <= 0) return true;
    outbox_.append(bytes, static_cast<size_t>(size));
  }
  return false;
}

void Connection::count() {
  share_->letGo(countedBytes_);
  countedBytes_ = outbox_.bytes() + (tls_ == nullptr ? 0 : tls_->sealedBytes());
  share_->hold(countedBytes_);
}

// Whoever does not read what is said to him is not read from, nor who holds all that he may.
void Connection::watch(bool blocked) {
  const bool deaf = blocked && outbox_.bytes() > kOutboxMaxBytes;
  if (!heldBack_ && isHeldBack()) {
    heldBack_ = true;
    server_.unread_.push_back(this);
  }
  const uint32_t wanted = (deaf || heldBack_ ? uint32_t{EPOLLRDHUP} : uint32_t{EPOLLIN}) | (blocked ? uint32_t{EPOLLOUT} : 0u);
  if (wanted == watched_) return;
  watched_ = wanted;
  server_.poller_.change(socket_, this, wanted);
}

// Something waits for the client to take it.
bool Connection::waits() const {
  if (outbox_.bytes() > 0 || (watched_ & EPOLLOUT) != 0) return true;
  return std::any_of(calls_.begin(), calls_.end(), [](const Call* call) { return call->outgoingBytes > 0; });
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

// A peer that is still sending is told to stop once it has the status.
int Connection::sent(const ng::Frame* frame) {
  if (frame->hd.type != ng::kHeaders || (frame->hd.flags & ng::kFlagEndStream) == 0) return 0;
  const Call* call = callOf(frame->hd.streamId);
  if (call != nullptr && !call->inputEnded)
    ng_.submit_rst_stream(session_, 0, frame->hd.streamId, ng::kNoError);
  return 0;
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
  server_.letGoOutput(*call, length);
  takenMs_ = server_.nowMs();
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
    server_.letGoOutput(*call, kPieceBytes);
  }
  if (call->outgoingBytes == 0 && call->wantsDrain) {
    call->wantsDrain = false;
    server_.tell(EventKind::kDrained, *call);
  }
  return 0;
}

}  // namespace wire
