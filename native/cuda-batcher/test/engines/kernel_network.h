// A small dense network as a plan, rows for it, and what it answers to one.
#pragma once

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "engines/kernels/plan.h"

namespace cb {

constexpr uint32_t kIns = 12, kHidden = 33, kOuts = 5;
constexpr size_t kRows = 64;

// x * 1/16, a dense layer, not below 0, a dense layer, plus 3.
inline std::shared_ptr<KernelPlan> network() {
  auto plan = std::make_shared<KernelPlan>();
  plan->input = {"image", "N", {1, 3, 4}};
  plan->output = {"logits", "N", {kOuts}};
  std::mt19937 random(7);
  const auto constants = [&](size_t count) {
    const size_t offset = plan->constants.size();
    for (size_t i = 0; i < count; i++) plan->constants.push_back(static_cast<float>(random() % 2000) / 1000 - 1);
    return offset;
  };
  plan->constants = {1.0F / 16, 3};
  plan->steps.push_back({KernelOp::kAffine, kIns, kIns, 0, 1, 0, 0, false});
  const size_t w0 = constants(kIns * kHidden), b0 = constants(kHidden), w1 = constants(kHidden * kOuts);
  plan->steps.push_back({KernelOp::kDense, kIns, kHidden, w0, kIns * kHidden, b0, kHidden, true});
  plan->steps.push_back({KernelOp::kDense, kHidden, kOuts, w1, kHidden * kOuts, 0, 0, false});
  plan->steps.push_back({KernelOp::kAffine, kOuts, kOuts, 0, 0, 1, 1, false});
  plan->steps.push_back({KernelOp::kRelu, kOuts, kOuts, 0, 0, 0, 0, false});
  return plan;
}

inline std::vector<float> dense(const KernelPlan& plan, const KernelStep& step, const std::vector<float>& x) {
  std::vector<float> y(step.outs);
  for (size_t j = 0; j < step.outs; j++) {
    float sum = 0;
    for (size_t k = 0; k < step.ins; k++) sum += x[k] * plan.constants[step.weights + k * step.outs + j];
    if (step.biasCount > 0) sum += plan.constants[step.bias + j];
    y[j] = step.relu && sum < 0 ? 0 : sum;
  }
  return y;
}

inline std::vector<float> expected(const KernelPlan& plan, const float* row) {
  std::vector<float> x(row, row + kIns);
  for (float& value : x) value *= plan.constants[0];
  x = dense(plan, plan.steps[2], dense(plan, plan.steps[1], x));
  for (float& value : x) value = std::max(value + plan.constants[1], 0.0F);
  return x;
}

inline std::vector<float> examples() {
  std::mt19937 random(11);
  std::vector<float> rows(kRows * kIns);
  for (float& value : rows) value = static_cast<float>(random() % 17);
  return rows;
}

}  // namespace cb
