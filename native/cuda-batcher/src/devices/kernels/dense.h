// Layers of dense networks over rows of float32, row-major. A row's answer is the same alone and among any others: each
// element is computed by one thread, which adds up in the order of the inputs.
#pragma once

#include "devices/kernels/thread.h"

namespace cb::kernels {

// y [rows, outs] = x [rows, ins] times weights [ins, outs], plus bias [outs] unless that is null; not below 0 with `relu`.
CB_BODY void dense(const Thread& at, const float* x, const float* weights, const float* bias, float* y, uint32_t rows, uint32_t ins,
                   uint32_t outs, uint32_t relu) {
  const size_t count = static_cast<size_t>(rows) * outs;
  for (size_t i = first(at); i < count; i += step(at)) {
    const float* row = x + i / outs * ins;
    const float* column = weights + i % outs;
    float sum = 0;
    for (uint32_t k = 0; k < ins; k++) sum += row[k] * column[static_cast<size_t>(k) * outs];
    if (bias != nullptr) sum += bias[i % outs];
    y[i] = relu != 0 && sum < 0 ? 0 : sum;  // NaN stays
  }
}

// y [rows, width] = x * factors + offsets, of which there are `factorCount` and `offsetCount`: none (0), one, or `width`.
CB_BODY void affine(const Thread& at, const float* x, const float* factors, uint32_t factorCount, const float* offsets,
                    uint32_t offsetCount, float* y, uint32_t rows, uint32_t width) {
  const size_t count = static_cast<size_t>(rows) * width;
  for (size_t i = first(at); i < count; i += step(at)) {
    const size_t column = i % width;
    float value = x[i];
    if (factorCount != 0) value *= factors[factorCount == 1 ? 0 : column];
    if (offsetCount != 0) value += offsets[offsetCount == 1 ? 0 : column];
    y[i] = value;
  }
}

// y = x where that is not below 0; NaN stays.
CB_BODY void relu(const Thread& at, const float* x, float* y, uint32_t rows, uint32_t width) {
  const size_t count = static_cast<size_t>(rows) * width;
  for (size_t i = first(at); i < count; i += step(at)) y[i] = x[i] < 0 ? 0 : x[i];
}

}  // namespace cb::kernels
