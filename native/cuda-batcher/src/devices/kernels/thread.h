// Where a thread of a kernel stands in its grid. Bodies of kernels take one, so that the CUDA compiler and the C++ compiler
// compile one text.
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef __CUDACC__
#define CB_BODY __host__ __device__ inline
#else
#define CB_BODY inline
#endif

namespace cb::kernels {

struct Thread {
  unsigned block;       // along x
  unsigned blocks;
  unsigned thread;      // within its block
  unsigned threads;     // of a block
  unsigned row;         // block along y
};

// A loop over `count` items begins here, and goes on by `step`.
CB_BODY size_t first(const Thread& at) { return static_cast<size_t>(at.block) * at.threads + at.thread; }
CB_BODY size_t step(const Thread& at) { return static_cast<size_t>(at.blocks) * at.threads; }

}  // namespace cb::kernels
