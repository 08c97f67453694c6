#include "devices/cuda/rows.h"

#include <cuda_runtime.h>

namespace cb {

namespace {

constexpr unsigned kThreads = 256;
constexpr unsigned kBlocksPerRowMax = 64;  // enough to fill a device with a few rows; more would only queue

// Copies one row with all threads of the row's blocks, 16 bytes at a time where both ends allow it.
__device__ void copyRow(const uint8_t* from, uint8_t* to, size_t bytes) {
  const size_t first = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const size_t step = static_cast<size_t>(gridDim.x) * blockDim.x;
  const bool wide = ((reinterpret_cast<uintptr_t>(from) | reinterpret_cast<uintptr_t>(to)) & 15) == 0;
  const size_t wideCount = wide ? bytes / 16 : 0;
  for (size_t i = first; i < wideCount; i += step) {
    reinterpret_cast<uint4*>(to)[i] = reinterpret_cast<const uint4*>(from)[i];
  }
  for (size_t i = wideCount * 16 + first; i < bytes; i += step) to[i] = from[i];
}

__global__ void gatherKernel(const void* const* rows, size_t rowBytes, uint8_t* batch) {
  copyRow(static_cast<const uint8_t*>(rows[blockIdx.y]), batch + blockIdx.y * rowBytes, rowBytes);
}

__global__ void scatterKernel(const uint8_t* batch, size_t rowBytes, void* const* rows) {
  copyRow(batch + blockIdx.y * rowBytes, static_cast<uint8_t*>(rows[blockIdx.y]), rowBytes);
}

dim3 gridFor(size_t count, size_t rowBytes) {
  const size_t blocks = (rowBytes + kThreads * 16 - 1) / (kThreads * 16);
  const unsigned across = blocks < kBlocksPerRowMax ? static_cast<unsigned>(blocks) : kBlocksPerRowMax;
  return dim3(across == 0 ? 1 : across, static_cast<unsigned>(count));
}

}  // namespace

int gatherRows(const void* const* rows, size_t count, size_t rowBytes, void* batch, void* stream) {
  if (count == 0 || rowBytes == 0) return 0;
  gatherKernel<<<gridFor(count, rowBytes), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(
      rows, rowBytes, static_cast<uint8_t*>(batch));
  return static_cast<int>(cudaGetLastError());
}

int scatterRows(const void* batch, size_t count, size_t rowBytes, void* const* rows, void* stream) {
  if (count == 0 || rowBytes == 0) return 0;
  scatterKernel<<<gridFor(count, rowBytes), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(
      static_cast<const uint8_t*>(batch), rowBytes, rows);
  return static_cast<int>(cudaGetLastError());
}

}  // namespace cb
