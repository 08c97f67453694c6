#include "frames/bytes.h"

#include <new>

namespace wire {

Bytes Bytes::allocate(size_t size, size_t alignedAt) {
  Bytes bytes;
  bytes.memory_.reset(static_cast<uint8_t*>(std::malloc(size + kTensorAlignment)));
  if (bytes.memory_ == nullptr) throw std::bad_alloc();
  const uintptr_t wanted = reinterpret_cast<uintptr_t>(bytes.memory_.get()) + alignedAt;
  const size_t shift = (kTensorAlignment - wanted % kTensorAlignment) % kTensorAlignment;
  bytes.data_ = bytes.memory_.get() + shift;
  bytes.size_ = size;
  return bytes;
}

}  // namespace wire
