// Owned bytes whose first interesting byte, not whose start, is aligned: a tensor lies somewhere inside a message, and an
// engine that finds it aligned reads it where it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace wire {

// Alignment of the byte that `allocate` is told of: a cache line, and what the widest vector loads ask for.
constexpr size_t kTensorAlignment = 64;

class Bytes {
 public:
  Bytes() = default;

  // `size` bytes of which the one at `alignedAt` lies on kTensorAlignment. Throws std::bad_alloc.
  static Bytes allocate(size_t size, size_t alignedAt);

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(uint8_t* memory) const { std::free(memory); }
  };
  std::unique_ptr<uint8_t, Free> memory_;
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace wire
