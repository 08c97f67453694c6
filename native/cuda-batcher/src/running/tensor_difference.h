// How far two raw tensors of one type are apart, as services/executor/src/engines/tensor-difference.ts has it.
#pragma once

#include "engines/engine_table.h"

namespace cb {

struct TensorDifference {
  double largest = 0;    // absolute; infinity where one is NaN or infinite and the other is not, or not so
  double magnitude = 0;  // largest absolute finite value of the first
};

// Largest difference that counts as the same answer in a tensor of this magnitude: `tolerance`, relative to the magnitude where
// that is above 1, and at least the distance of two neighbours of a type with few digits.
double allowedDifference(double tolerance, DType dtype, double magnitude);

// Compares `bytes` bytes of each; a rest that is no whole element is left out. Strings are apart unless equal.
TensorDifference tensorDifference(DType dtype, const uint8_t* first, const uint8_t* second, size_t bytes);

// Whether one of the values is NaN.
bool holdsNaN(DType dtype, const uint8_t* data, size_t bytes);

}  // namespace cb
