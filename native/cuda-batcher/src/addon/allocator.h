// The C library's allocator, set up for messages of megabytes.
#pragma once

namespace cb {

// Lets malloc keep and reuse freed memory instead of giving it back to the kernel, whose page faults cost more than the
// copy into the pages: about half of the CPU time of a 602 KB request. Once per process; what the environment says
// (MALLOC_TRIM_THRESHOLD_, MALLOC_MMAP_THRESHOLD_, MALLOC_TOP_PAD_) stands; does nothing without glibc.
void tuneAllocator();
// Returns to the system what this process has freed. Takes as long as that is much: some 50 ms a gigabyte.
void trimAllocator();

}  // namespace cb
