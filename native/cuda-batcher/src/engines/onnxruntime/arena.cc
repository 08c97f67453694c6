#include "engines/onnxruntime/arena.h"

#include <algorithm>
#include <vector>

#include "engines/onnxruntime/outputs.h"

namespace cb::ort {

namespace {

constexpr const char* kShrink = "memory.enable_memory_arena_shrinkage";
constexpr const char* kHostArena = "cpu:0";

// The smallest shape that the library accepts for an input; a scalar where it may have any number of axes.
size_t leastShape(const EngineTensor& tensor, int64_t* dims) {
  size_t elements = 1;
  for (int32_t d = 0; d < tensor.rank; d++) {
    dims[d] = std::max<int64_t>(tensor.dims[d], tensor.dims[d] == kUnknownDim ? 1 : 0);
    elements *= static_cast<size_t>(dims[d]);
  }
  return elements;
}

bool makeInput(const LoadedSession& model, const EngineTensor& tensor, std::vector<uint8_t>& zeros, Value** value,
               const ErrorText& error) {
  int64_t dims[kMaxRank] = {};
  const size_t bytes = leastShape(tensor, dims) * elementBytes(tensor.dtype);
  const auto rank = static_cast<size_t>(std::max(tensor.rank, 0));
  const int dtype = static_cast<int>(tensor.dtype);
  if (tensor.dtype == DType::kString) {
    return !failed(model.api, createTensor(model.api, model.allocator, dims, rank, dtype, value), error);
  }
  zeros.resize(std::max<size_t>(bytes, 1));
  return !failed(model.api,
                 createTensorOverData(model.api, model.memory, zeros.data(), bytes, dims, rank, dtype, value), error);
}

// Options of one run, released however it ends.
struct TrimOptions {
  explicit TrimOptions(const void* from) : api(from) {}
  ~TrimOptions() {
    if (options != nullptr) releaseRunOptions(api, options);
  }
  TrimOptions(const TrimOptions&) = delete;
  TrimOptions& operator=(const TrimOptions&) = delete;

  const void* api;
  RunOptions* options = nullptr;
};

}  // namespace

void trimArena(const LoadedSession& model) {
  const void* api = model.api;
  char text[256] = "";
  const ErrorText error{text, sizeof text};
  TrimOptions held(api);
  if (failed(api, createRunOptions(api, &held.options), error)) return;
  RunOptions* const options = held.options;
  Values inputs(api, model.inputs.size());
  Values outputs(api, model.outNames.size());
  std::vector<std::vector<uint8_t>> zeros(model.inputs.size());
  bool ready = !failed(api, addRunConfigEntry(api, options, kShrink, kHostArena), error) &&
               !failed(api, setTerminate(api, options), error);
  for (size_t i = 0; ready && i < model.inputs.size(); i++) {
    ready = makeInput(model, model.inputs[i], zeros[i], &inputs[i], error);
  }
  // It fails by being ended; what was asked for has happened by then.
  if (ready) {
    failed(api,
           run(api, model.session, options, model.inNames.data(), inputs.data(), model.inputs.size(),
               model.outNames.data(), model.outNames.size(), outputs.data()),
           error);
  }
}

}  // namespace cb::ort
