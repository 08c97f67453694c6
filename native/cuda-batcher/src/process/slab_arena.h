// Output memory: one mapping cut into equal slabs, one slab per batch. A slab is taken before a batch runs and comes
// back when the last lent view of it is released.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace cb {

constexpr int32_t kNoSlab = -1;
constexpr size_t kAlignment = 256;  // of every tensor's base: what the widest engines ask for

inline size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

class SlabArena {
 public:
  // Maps slabCount * slabBytes, both as given; 0 bytes: an arena without slabs. Throws std::bad_alloc.
  SlabArena(size_t slabBytes, int32_t slabCount);
  ~SlabArena();
  SlabArena(const SlabArena&) = delete;
  SlabArena& operator=(const SlabArena&) = delete;

  int32_t take();  // kNoSlab when all are out
  void giveBack(int32_t slab);
  int32_t taken() const;

  uint8_t* data() const { return data_; }
  size_t bytes() const { return slabBytes_ * static_cast<size_t>(slabCount_); }
  size_t offset(int32_t slab) const { return slabBytes_ * static_cast<size_t>(slab); }

 private:
  uint8_t* data_ = nullptr;
  size_t slabBytes_;
  int32_t slabCount_;
  mutable std::mutex mutex_;
  std::vector<int32_t> free_;
};

// Growing memory of one engine thread for the gathered inputs of its batch; aligned.
class Scratch {
 public:
  Scratch() = default;
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  uint8_t* atLeast(size_t bytes);
  // Frees it if it is larger.
  void atMost(size_t bytes);

 private:
  uint8_t* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace cb
