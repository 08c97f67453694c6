// What waits to be written to a socket: small parts are copied next to each other, large ones are held and written from
// where they lie.
#pragma once

#include <deque>

#include "net/buffer.h"

namespace wire {

enum class Flush {
  kDone,     // nothing waits
  kBlocked,  // the socket is full, or had its turn: to be gone on with when it is writable
  kBroken,   // the peer is gone
};

// Bytes written to one socket before the others have their turn.
constexpr size_t kWriteBudgetBytes = 256 * 1024;

class Outbox {
 public:
  // Copies.
  void append(const void* data, size_t size);
  // Holds, unless it is so small that copying costs less.
  void append(Piece piece);
  // Writes what the socket takes, at most `budget` bytes, and takes them off it.
  Flush flush(int socket, size_t& budget);
  // The bytes that are first in turn and lie together; only while there are any.
  struct View {
    const uint8_t* data;
    size_t size;
  };
  View front() const { return {pieces_.front().data, pieces_.front().size}; }
  // Forgets the first `size` bytes.
  void drop(size_t size);
  void clear();
  size_t bytes() const { return bytes_; }

 private:
  std::deque<Piece> pieces_;
  size_t bytes_ = 0;
  size_t tailRoom_ = 0;  // bytes that can still be copied behind the last piece
};

}  // namespace wire
