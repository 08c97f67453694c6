#include "core/model.h"

#include <algorithm>

namespace cb {

namespace {

constexpr size_t kErrorBytes = 2048;

Tensor fromEngine(const EngineTensor& described) {
  Tensor tensor;
  tensor.name = described.name;
  tensor.dtype = described.dtype;
  for (int32_t i = 0; i < described.rank; i++) {
    tensor.dims.push_back(described.dims[i]);
    tensor.symbols.emplace_back(described.symbols[i] == nullptr ? "" : described.symbols[i]);
  }
  return tensor;
}

// An engine invents names for axes whose name it lost in shape inference; such a name says nothing.
bool named(const std::string& symbol) { return !symbol.empty() && symbol.rfind("unk__", 0) != 0; }

bool leadsWith(const Tensor& tensor, const std::string& batch) {
  if (tensor.dims.empty() || tensor.dims[0] != kUnknownDim) return false;
  return !named(tensor.symbols[0]) || batch.empty() || tensor.symbols[0] == batch;
}

int64_t rowBytes(const Tensor& tensor, size_t from) {
  int64_t bytes = static_cast<int64_t>(elementBytes(tensor.dtype));
  if (bytes == 0) return -1;
  for (size_t i = from; i < tensor.dims.size(); i++) {
    if (tensor.dims[i] < 0) return -1;
    bytes *= tensor.dims[i];
  }
  return bytes;
}

}  // namespace

std::unique_ptr<Model> Model::load(const EngineTable* engine, const ModelOptions& options, std::string& error) {
  EngineLoadOptions load{options.path.c_str(), options.library.empty() ? nullptr : options.library.c_str(),
                         options.intraOpThreads, options.concurrentRuns};
  char text[kErrorBytes] = "";
  EngineModel* handle = nullptr;
  if (engine->load(&load, &handle, text, sizeof text) != 0) {
    error = text;
    return nullptr;
  }
  std::unique_ptr<Model> model(new Model(engine, handle));
  model->describe();
  return model;
}

Model::Model(const EngineTable* engine, EngineModel* handle) : engine_(engine), handle_(handle) {}

Model::~Model() { engine_->unload(handle_); }

void Model::describe() {
  EngineTensor tensor{};
  for (size_t i = 0; engine_->tensors(handle_, false, i, &tensor) == 0; i++) inputs_.push_back(fromEngine(tensor));
  for (size_t i = 0; engine_->tensors(handle_, true, i, &tensor) == 0; i++) outputs_.push_back(fromEngine(tensor));
  std::string batch;
  if (!inputs_.empty() && !inputs_[0].symbols.empty() && named(inputs_[0].symbols[0])) batch = inputs_[0].symbols[0];
  const auto leads = [&](const Tensor& t) { return leadsWith(t, batch); };
  batchable_ = !inputs_.empty() && std::all_of(inputs_.begin(), inputs_.end(), leads) &&
               std::all_of(outputs_.begin(), outputs_.end(), leads);
  for (Tensor& input : inputs_) input.rowBytes = rowBytes(input, batchable_ ? 1 : 0);
  for (Tensor& output : outputs_) output.rowBytes = rowBytes(output, batchable_ ? 1 : 0);
}

bool Model::foreseeable(const Tensor& output) const {
  if (output.rowBytes < 0) return false;
  return !batchable_ || (named(output.symbols[0]) && output.symbols[0] == inputs_[0].symbols[0]);
}

std::string Model::run(const std::vector<EngineBuffer>& in, std::vector<EngineBuffer>& out,
                       EngineStages& stages) const {
  char text[kErrorBytes] = "";
  if (engine_->run(handle_, in.data(), in.size(), out.data(), out.size(), &stages, text, sizeof text) == 0) {
    return {};
  }
  return text[0] == '\0' ? "the engine failed without a reason" : text;
}

}  // namespace cb
