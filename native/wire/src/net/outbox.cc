#include "net/outbox.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace wire {

namespace {

constexpr size_t kChunkBytes = 16 * 1024;
constexpr size_t kCopyMaxBytes = 2 * 1024;
constexpr size_t kVectorMax = 64;

}  // namespace

void Outbox::append(const void* data, size_t size) {
  const auto* from = static_cast<const uint8_t*>(data);
  bytes_ += size;
  while (size > 0) {
    if (tailRoom_ == 0) {
      Piece chunk = Piece::whole(BufferRef::make(std::max(kChunkBytes, size)));
      tailRoom_ = chunk.size;
      chunk.size = 0;
      pieces_.push_back(std::move(chunk));
    }
    Piece& tail = pieces_.back();
    const size_t count = std::min(size, tailRoom_);
    std::memcpy(const_cast<uint8_t*>(tail.data) + tail.size, from, count);
    tail.size += count;
    tailRoom_ -= count;
    from += count;
    size -= count;
  }
}

void Outbox::append(Piece piece) {
  if (piece.size == 0) return;
  if (piece.size <= kCopyMaxBytes) {
    append(piece.data, piece.size);
    return;
  }
  bytes_ += piece.size;
  tailRoom_ = 0;
  pieces_.push_back(std::move(piece));
}

Flush Outbox::flush(int socket, size_t& budget) {
  while (bytes_ > 0) {
    if (budget == 0) return Flush::kBlocked;
    iovec vector[kVectorMax];
    msghdr message{};
    message.msg_iov = vector;
    size_t asked = 0;
    for (const Piece& piece : pieces_) {
      if (message.msg_iovlen == kVectorMax || asked == budget) break;
      const size_t size = std::min(piece.size, budget - asked);
      vector[message.msg_iovlen++] = {const_cast<uint8_t*>(piece.data), size};
      asked += size;
    }
    const ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK ? Flush::kBlocked : Flush::kBroken;
    }
    drop(static_cast<size_t>(sent));
    budget -= static_cast<size_t>(sent);
    if (static_cast<size_t>(sent) < asked) return Flush::kBlocked;
  }
  return Flush::kDone;
}

void Outbox::drop(size_t size) {
  bytes_ -= size;
  while (!pieces_.empty() && size >= pieces_.front().size) {
    size -= pieces_.front().size;
    pieces_.pop_front();
  }
  if (size > 0) {
    pieces_.front().data += size;
    pieces_.front().size -= size;
  }
  if (pieces_.empty()) tailRoom_ = 0;
}

void Outbox::clear() {
  pieces_.clear();
  bytes_ = 0;
  tailRoom_ = 0;
}

}  // namespace wire
