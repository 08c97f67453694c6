#include "running/shape_keys.h"

namespace cb {

namespace {

// Shapes remembered at a time. Past it all are forgotten: equal shapes then fail to share a batch once, nothing worse.
constexpr size_t kShapesMax = 4096;

}  // namespace

uint64_t ShapeKeys::of(const Model& model, const std::vector<int64_t>& dims) {
  std::vector<int64_t> key(dims);
  size_t at = 0;
  for (const Tensor& input : model.inputs()) {
    if (model.batchable()) key[at] = kUnknownDim;
    at += input.dims.size();
  }
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = keys_.find(key);
  if (found != keys_.end()) return found->second;
  if (keys_.size() >= kShapesMax) keys_.clear();
  keys_.emplace(std::move(key), next_);
  return next_++;
}

}  // namespace cb
