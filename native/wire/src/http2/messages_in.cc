// Messages of calls as they come: room for them, and what they hold of their caller's account.
#include <algorithm>
#include <cstring>
#include <new>

#include "http2/connection.h"
#include "http2/server.h"

namespace wire {

namespace {

// Room is made at once for a message that says it is so large, and for so many times what has come of a
// larger one: an announcement costs nothing, and a message of 602 KB is received in its place.
constexpr size_t kTrustedBytes = 1024 * 1024;
constexpr size_t kGrowth = 8;
// Messages of one stream that nobody took: the peer's window is counted in bytes, and an empty message has
// five.
constexpr size_t kUntakenMessagesMax = 65'536;

// What a message being received is counted as: its overhead, and the pages of its room that are resident, of which the first
// is from the beginning.
size_t residentBytes(size_t filled, size_t room) {
  return kMessageBytes + std::min(room, (filled / kPageBytes + 1) * kPageBytes);
}

}  // namespace

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
      if (!holdIncoming(call, call.filled + count, call.incoming.bytes.size)) return;
      auto* to = const_cast<uint8_t*>(call.incoming.bytes.data) + call.filled;
      // What was read straight into the message lies there already.
      if (to != data) std::memcpy(to, data, count);
      call.filled += count;
      data += count;
      size -= count;
    }
    if (call.filled == call.expected) messageDone(call);
    else if (call.filled == call.incoming.bytes.size) makeRoom(call, std::min(call.expected, kGrowth * call.filled));
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
  if (call.inbox.size() >= kUntakenMessagesMax) {
    fail(call, Code::kResourceExhausted,
         std::to_string(call.inbox.size()) + " messages of the stream wait; at most " +
             std::to_string(kUntakenMessagesMax) + " do");
    return false;
  }
  call.incoming.compressed = p[0] == 1;
  call.filled = 0;
  call.expected = size;
  const size_t room = std::min(size, kTrustedBytes);
  return holdIncoming(call, 0, room) && makeRoom(call, room);
}

// Room for as much of the message being received; what came of it is moved there.
bool Server::makeRoom(Call& call, size_t bytes) {
  try {
    Piece larger = Piece::whole(BufferRef::make(bytes));
    if (call.filled > 0) std::memcpy(larger.owner.data(), call.incoming.bytes.data, call.filled);
    call.incoming.bytes = std::move(larger);
    return true;
  } catch (const std::bad_alloc&) {
    fail(call, Code::kResourceExhausted, "there is no memory for a message of " + std::to_string(call.expected) + " bytes");
    return false;
  }
}

// Counts what the message being received holds once so much of its room is filled, or the call ends.
bool Server::holdIncoming(Call& call, size_t filled, size_t room) {
  const size_t held = residentBytes(filled, room);
  const size_t more = held - call.incomingBytes;
  if (more > ledger_.room(*call.share)) {
    failOverfull(call);
    return false;
  }
  call.inputBytes += more;
  call.incomingBytes = held;
  call.share->hold(more);
  return true;
}

void Server::failOverfull(Call& call) {
  refusals_.bytes++;
  fail(call, Code::kResourceExhausted,
       "this connection holds " + std::to_string(call.share->heldBytes) + " bytes, its caller " +
           std::to_string(call.share->account->heldBytes) + ", all callers " + std::to_string(ledger_.heldBytes()) +
           " of " + std::to_string(ledger_.maxBytes()) + "; no more may be held for it now, try again later");
}

void Server::messageDone(Call& call) {
  call.connection->messageRead();
  call.prefixGot = 0;
  call.incomingBytes = 0;
  if (call.kind != MethodKind::kStream) {
    call.workBytes += call.incoming.bytes.size + kMessageBytes;
    call.share->account->workBytes += call.incoming.bytes.size + kMessageBytes;
  }
  call.inbox.push_back(std::move(call.incoming));
  call.incoming = {};
  if (call.kind == MethodKind::kStream && call.announced) tell(EventKind::kMessage, call);
}

Message Server::take(Call& call) {
  Message message;
  if (call.inbox.empty()) return message;
  message = std::move(call.inbox.front());
  call.inbox.pop_front();
  if (call.workBytes > 0) letGoWork(call, message.bytes.size + kMessageBytes);
  letGoInput(call, message.bytes.size + kMessageBytes);
  if (call.inbox.empty() && call.unconsumed > 0 && call.connection != nullptr)
    call.connection->consume(call, std::exchange(call.unconsumed, 0));
  return message;
}

void Server::letGoInput(Call& call, size_t bytes) {
  call.inputBytes -= bytes;
  call.share->letGo(bytes);
}

void Server::letGoWork(Call& call, size_t bytes) {
  call.workBytes -= bytes;
  call.share->account->workBytes -= bytes;
}

void Server::letGoOutput(Call& call, size_t bytes) {
  call.outputBytes -= bytes;
  call.share->letGo(bytes);
}

}  // namespace wire
