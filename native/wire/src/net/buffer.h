// A block of bytes with a count of those who hold it: a message is received into one and sent on from the same one.
// Counted without locks: everything that holds one lives on one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

#include "frames/bytes.h"

namespace wire {

class Buffer {
 private:
  friend class BufferRef;
  explicit Buffer(size_t size) : data_(reinterpret_cast<uint8_t*>(this + 1)), size_(size) {}
  explicit Buffer(Bytes bytes) : adopted_(std::move(bytes)), data_(adopted_.data()), size_(adopted_.size()) {}
  Buffer(uint8_t* data, size_t size, void (*giveBack)(void*), void* lender)
      : data_(data), size_(size), giveBack_(giveBack), lender_(lender) {}
  ~Buffer() {
    if (giveBack_ != nullptr) giveBack_(lender_);
  }
  Bytes adopted_;  // or the bytes lie behind this object, or are lent
  uint8_t* data_;
  size_t size_;
  void (*giveBack_)(void*) = nullptr;
  void* lender_ = nullptr;
  size_t holders_ = 0;
};

// Holds a Buffer, or nothing.
class BufferRef {
 public:
  BufferRef() = default;
  BufferRef(const BufferRef& other) : buffer_(other.buffer_) { hold(); }
  BufferRef(BufferRef&& other) noexcept : buffer_(std::exchange(other.buffer_, nullptr)) {}
  BufferRef& operator=(BufferRef other) noexcept {
    std::swap(buffer_, other.buffer_);
    return *this;
  }
  ~BufferRef() { reset(); }

  // Uninitialised bytes; throws std::bad_alloc.
  static BufferRef make(size_t size) {
    void* memory = std::malloc(sizeof(Buffer) + size);
    if (memory == nullptr) throw std::bad_alloc();
    return BufferRef(new (memory) Buffer(size));
  }

  // Takes bytes over that were made elsewhere.
  static BufferRef adopt(Bytes bytes) { return BufferRef(new (allocate()) Buffer(std::move(bytes))); }

  // Bytes of somebody else, which stay as they are until `giveBack(lender)` is called: when nobody holds them any more.
  static BufferRef lend(uint8_t* data, size_t size, void (*giveBack)(void*), void* lender) {
    return BufferRef(new (allocate()) Buffer(data, size, giveBack, lender));
  }

  void reset() {
    if (buffer_ != nullptr && --buffer_->holders_ == 0) {
      buffer_->~Buffer();
      std::free(buffer_);
    }
    buffer_ = nullptr;
  }

  explicit operator bool() const { return buffer_ != nullptr; }
  uint8_t* data() const { return buffer_->data_; }
  size_t size() const { return buffer_ == nullptr ? 0 : buffer_->size_; }

 private:
  explicit BufferRef(Buffer* buffer) : buffer_(buffer) { hold(); }
  static void* allocate() {
    void* memory = std::malloc(sizeof(Buffer));
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
  }
  void hold() {
    if (buffer_ != nullptr) buffer_->holders_++;
  }
  Buffer* buffer_ = nullptr;
};

// A part of a buffer.
struct Piece {
  BufferRef owner;
  const uint8_t* data = nullptr;
  size_t size = 0;

  static Piece whole(BufferRef owner) {
    Piece piece;
    piece.data = owner ? owner.data() : nullptr;
    piece.size = owner.size();
    piece.owner = std::move(owner);
    return piece;
  }
};

}  // namespace wire
