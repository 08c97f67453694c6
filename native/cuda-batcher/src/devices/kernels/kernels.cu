// The kernels as the CUDA compiler compiles them, to one fatbin (CMakeLists.txt). Names and parameters as in host_image.cc.
#include "devices/kernels/dense.h"
#include "devices/kernels/rows.h"

namespace {

__device__ cb::kernels::Thread here() { return {blockIdx.x, gridDim.x, threadIdx.x, blockDim.x, blockIdx.y}; }

}  // namespace

extern "C" {

__global__ void gatherRows(const uint8_t* const* rows, size_t rowBytes, uint8_t* batch) {
  cb::kernels::gatherRows(here(), rows, rowBytes, batch);
}

__global__ void scatterRows(const uint8_t* batch, size_t rowBytes, uint8_t* const* rows) {
  cb::kernels::scatterRows(here(), batch, rowBytes, rows);
}

__global__ void dense(const float* x, const float* weights, const float* bias, float* y, uint32_t rows, uint32_t ins, uint32_t outs,
                      uint32_t relu) {
  cb::kernels::dense(here(), x, weights, bias, y, rows, ins, outs, relu);
}

__global__ void affine(const float* x, const float* factors, uint32_t factorCount, const float* offsets, uint32_t offsetCount, float* y,
                       uint32_t rows, uint32_t width) {
  cb::kernels::affine(here(), x, factors, factorCount, offsets, offsetCount, y, rows, width);
}

__global__ void relu(const float* x, float* y, uint32_t rows, uint32_t width) { cb::kernels::relu(here(), x, y, rows, width); }
}
