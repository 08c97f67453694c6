#include "process/allocator.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "check.h"

using namespace cb;

MAIN_OF_TESTS

namespace {

// glibc's own allocator is what is tested, and sanitizers bring another.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
constexpr bool kGlibc = true;
#else
constexpr bool kGlibc = false;
#endif

constexpr size_t kBlocks = 256;
constexpr size_t kBlockBytes = size_t{128} << 10;
constexpr size_t kAllBytes = kBlocks * kBlockBytes;
constexpr size_t kRestBytes = size_t{4} << 20;

size_t residentBytes() {
  size_t mapped = 0;
  size_t resident = 0;
  FILE* file = std::fopen("/proc/self/statm", "r");
  CHECK(file != nullptr && std::fscanf(file, "%zu %zu", &mapped, &resident) == 2);
  std::fclose(file);
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

using Blocks = std::vector<void*>;

void allocateAll(Blocks& blocks) {
  for (void*& block : blocks) std::memset(block = std::malloc(kBlockBytes), 1, kBlockBytes);
}

void freeAll(const Blocks& blocks) {
  for (void* block : blocks) std::free(block);
}

}  // namespace

TEST("what a thread has freed is kept, and given back when that thread says so") {
  if (!kGlibc) {
    std::puts("SKIPPED: not glibc's allocator");
    return;
  }
  tuneAllocator();
  Blocks blocks(kBlocks);
  std::thread([&] {
    const size_t before = residentBytes();
    allocateAll(blocks);
    freeAll(blocks);
    trimAllocator();  // leaves out the end of this thread's heap
    CHECK(residentBytes() > before + kAllBytes - kRestBytes);
    trimThreadHeap();
    CHECK(residentBytes() < before + kRestBytes);
  }).join();
}

TEST("what is freed while the heap is lean is given back at once, whoever frees it") {
  if (!kGlibc) {
    std::puts("SKIPPED: not glibc's allocator");
    return;
  }
  tuneAllocator();
  Blocks blocks(kBlocks);
  const size_t before = residentBytes();
  std::thread([&] { allocateAll(blocks); }).join();
  CHECK(residentBytes() > before + kAllBytes - kRestBytes);
  const LeanHeap lean;
  freeAll(blocks);
  CHECK(residentBytes() < before + kRestBytes);
}
