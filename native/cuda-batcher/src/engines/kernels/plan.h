// What the kernel module computes: layers one after the other, from the one input to the one output, over rows of float32.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layouts/kernel_plan_layout.h"

namespace cb {

struct KernelTensor {
  std::string name;
  std::string batchAxis;
  std::vector<int64_t> rowDims;
};

// As kernelStepLayout says.
struct KernelStep {
  KernelOp op;
  uint32_t ins;
  uint32_t outs;
  size_t weights;
  size_t weightCount;
  size_t bias;
  size_t biasCount;
  bool relu;
};

struct KernelPlan {
  KernelTensor input;
  KernelTensor output;
  std::vector<KernelStep> steps;
  std::vector<float> constants;
};

// Elements of a row, at most: rows times elements must be a size of memory.
constexpr int64_t kRowElementsMax = int64_t{1} << 28;

// Elements of a row of this shape; 0: more than kRowElementsMax, or a negative dimension.
uint32_t rowElements(const std::vector<int64_t>& rowDims);

// Why the plan cannot be run, as a sentence; empty when it can.
std::string planFault(const KernelPlan& plan);

}  // namespace cb
