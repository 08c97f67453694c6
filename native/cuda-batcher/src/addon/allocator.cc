#include "addon/allocator.h"

#include <cstdlib>
#include <mutex>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace cb {

#ifdef __GLIBC__

namespace {

constexpr int kKeepBytes = 1 << 30;    // freed memory at the heap's end that is kept
constexpr int kMapBytes = 1 << 30;     // only blocks above it get a mapping of their own
constexpr int kGrowBytes = 64 << 20;   // the heap grows by so much at a time

void set(int parameter, const char* variable, int value) {
  if (std::getenv(variable) == nullptr) mallopt(parameter, value);
}

}  // namespace

void tuneAllocator() {
  static std::once_flag once;
  std::call_once(once, [] {
    set(M_TRIM_THRESHOLD, "MALLOC_TRIM_THRESHOLD_", kKeepBytes);
    set(M_MMAP_THRESHOLD, "MALLOC_MMAP_THRESHOLD_", kMapBytes);
    set(M_TOP_PAD, "MALLOC_TOP_PAD_", kGrowBytes);
  });
}

void trimAllocator() { malloc_trim(0); }

#else

void tuneAllocator() {}

void trimAllocator() {}

#endif

}  // namespace cb
