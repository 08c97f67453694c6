// Rows on a device: many separate rows into one dense batch, and back. Plain C++ face of rows.cu.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cb {

// All pointers are device memory, `stream` is a cudaStream_t (null: the default stream); the call only queues the work.
// Answers 0, or the CUDA error.

// Copies rows[i] (rowBytes each) to batch + i * rowBytes. `rows` is an array of `count` device pointers.
int gatherRows(const void* const* rows, size_t count, size_t rowBytes, void* batch, void* stream);

// The reverse: copies batch + i * rowBytes to rows[i].
int scatterRows(const void* batch, size_t count, size_t rowBytes, void* const* rows, void* stream);

}  // namespace cb
