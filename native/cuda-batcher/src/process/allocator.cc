#include "process/allocator.h"

#include <cstdlib>
#include <mutex>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace cb {

#ifdef __GLIBC__

namespace {

constexpr int kKeepBytes = 1 << 30;    // freed memory at a heap's end that is kept
constexpr int kMapBytes = 1 << 30;     // only blocks above it get a mapping of their own
constexpr int kGrowBytes = 64 << 20;   // the heap grows by so much at a time
// The same while a LeanHeap lives.
constexpr int kLeanKeepBytes = 128 << 10;
constexpr int kLeanGrowBytes = 128 << 10;
// Freeing so much makes malloc look at the end of the heap: twice glibc's FASTBIN_CONSOLIDATION_THRESHOLD.
constexpr size_t kLookBytes = 128 << 10;

std::mutex endsMutex;
bool tuned = false;
int leanHeaps = 0;

void set(int parameter, const char* variable, int value) {
  if (std::getenv(variable) == nullptr) mallopt(parameter, value);
}

// Under the mutex.
void setEnds() {
  if (!tuned) return;
  const int keepBytes = leanHeaps > 0 ? kLeanKeepBytes : kKeepBytes;
  const int growBytes = leanHeaps > 0 ? kLeanGrowBytes : kGrowBytes;
  set(M_TRIM_THRESHOLD, "MALLOC_TRIM_THRESHOLD_", keepBytes);
  set(M_TOP_PAD, "MALLOC_TOP_PAD_", growBytes);
}

}  // namespace

void tuneAllocator() {
  std::lock_guard<std::mutex> lock(endsMutex);
  if (tuned) return;
  tuned = true;
  setEnds();
  set(M_MMAP_THRESHOLD, "MALLOC_MMAP_THRESHOLD_", kMapBytes);
}

LeanHeap::LeanHeap() {
  std::lock_guard<std::mutex> lock(endsMutex);
  if (++leanHeaps == 1) setEnds();
}

LeanHeap::~LeanHeap() {
  std::lock_guard<std::mutex> lock(endsMutex);
  if (--leanHeaps == 0) setEnds();
}

void trimAllocator() { malloc_trim(0); }

void trimThreadHeap() {
  const LeanHeap lean;
  void* volatile block = std::malloc(kLookBytes);  // volatile: the pair would be optimised away
  std::free(block);
}

#else

void tuneAllocator() {}

LeanHeap::LeanHeap() {}

LeanHeap::~LeanHeap() {}

void trimAllocator() {}

void trimThreadHeap() {}

#endif

}  // namespace cb
