// The C library's allocator, set up for messages of megabytes. Without glibc nothing here does anything.
#pragma once

namespace cb {

// Lets malloc keep and reuse freed memory instead of giving it back to the kernel, whose page faults cost more than the
// copy into the pages: about half of the CPU time of a 602 KB request. Once per process; what the environment says
// (MALLOC_TRIM_THRESHOLD_, MALLOC_MMAP_THRESHOLD_, MALLOC_TOP_PAD_) stands.
void tuneAllocator();

// While one lives, memory freed by any thread at the end of its heap goes back to the kernel.
class LeanHeap {
 public:
  LeanHeap();
  ~LeanHeap();
  LeanHeap(const LeanHeap&) = delete;
  LeanHeap& operator=(const LeanHeap&) = delete;
};

// Returns to the system what this process has freed, but for the ends of heaps that threads other than the main one allocate
// from: malloc_trim leaves those out. Takes as long as that is much: some 50 ms a gigabyte.
void trimAllocator();
// Returns the end of the heap that the calling thread allocates from.
void trimThreadHeap();

}  // namespace cb
