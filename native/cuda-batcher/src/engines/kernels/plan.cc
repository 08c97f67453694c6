#include "engines/kernels/plan.h"

#include "engines/engine_table.h"

namespace cb {

namespace {

bool within(const KernelPlan& plan, size_t offset, size_t count) {
  return offset <= plan.constants.size() && count <= plan.constants.size() - offset;
}

bool oneOrEach(size_t count, uint32_t width) { return count == 0 || count == 1 || count == width; }

// Whether its sizes fit each other and its constants are there.
bool fits(const KernelPlan& plan, const KernelStep& step) {
  if (step.ins == 0 || step.outs == 0 || step.ins > kRowElementsMax || step.outs > kRowElementsMax) return false;
  if (!within(plan, step.weights, step.weightCount) || !within(plan, step.bias, step.biasCount)) return false;
  switch (step.op) {
    case KernelOp::kDense:
      return step.weightCount == static_cast<size_t>(step.ins) * step.outs && (step.biasCount == 0 || step.biasCount == step.outs);
    case KernelOp::kAffine:
      return step.ins == step.outs && oneOrEach(step.weightCount, step.ins) && oneOrEach(step.biasCount, step.ins);
    case KernelOp::kRelu:
      return step.ins == step.outs;
  }
  return false;
}

}  // namespace

uint32_t rowElements(const std::vector<int64_t>& rowDims) {
  int64_t elements = 1;
  for (const int64_t dim : rowDims) {
    if (dim < 1 || dim > kRowElementsMax / elements) return 0;
    elements *= dim;
  }
  return static_cast<uint32_t>(elements);
}

std::string planFault(const KernelPlan& plan) {
  for (const KernelTensor* tensor : {&plan.input, &plan.output}) {
    if (tensor->rowDims.size() >= static_cast<size_t>(kMaxRank)) return "'" + tensor->name + "' has more axes than are served";
    if (rowElements(tensor->rowDims) == 0) return "'" + tensor->name + "' has rows of a size that is not served";
  }
  if (plan.steps.empty()) return "the plan has no steps";
  uint32_t width = rowElements(plan.input.rowDims);
  for (size_t i = 0; i < plan.steps.size(); i++) {
    const KernelStep& step = plan.steps[i];
    if (step.ins != width || !fits(plan, step)) return "step " + std::to_string(i) + " of the plan does not fit: rows have " + std::to_string(width) + " elements";
    width = step.outs;
  }
  if (width == rowElements(plan.output.rowDims)) return {};
  return "the plan ends with rows of " + std::to_string(width) + " elements, '" + plan.output.name + "' has another size";
}

}  // namespace cb
