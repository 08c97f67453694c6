#include "process/slab_arena.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace cb {

SlabArena::SlabArena(size_t slabBytes, int32_t slabCount) : slabBytes_(slabBytes), slabCount_(slabCount) {
  if (slabBytes_ == 0) slabCount_ = 0;
  if (slabCount_ == 0) return;
  // Populated now: page faults on the first batches would look like a slow model.
  void* mapped =
      mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<uint8_t*>(mapped);
  for (int32_t slab = slabCount_ - 1; slab >= 0; slab--) free_.push_back(slab);
}

SlabArena::~SlabArena() {
  if (data_ != nullptr) munmap(data_, bytes());
}

int32_t SlabArena::take() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (free_.empty()) return kNoSlab;
  const int32_t slab = free_.back();
  free_.pop_back();
  return slab;
}

void SlabArena::giveBack(int32_t slab) {
  std::lock_guard<std::mutex> lock(mutex_);
  free_.push_back(slab);
}

int32_t SlabArena::taken() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return slabCount_ - static_cast<int32_t>(free_.size());
}

Scratch::~Scratch() { std::free(data_); }

uint8_t* Scratch::atLeast(size_t bytes) {
  if (bytes > bytes_) {
    std::free(data_);
    bytes_ = 0;
    data_ = static_cast<uint8_t*>(std::aligned_alloc(kAlignment, aligned(bytes)));
    if (data_ == nullptr) throw std::bad_alloc();
    bytes_ = aligned(bytes);
  }
  return data_;
}

void Scratch::atMost(size_t bytes) {
  if (bytes_ <= bytes) return;
  std::free(data_);
  data_ = nullptr;
  bytes_ = 0;
}

}  // namespace cb
