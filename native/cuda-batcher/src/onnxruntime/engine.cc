#include "onnxruntime/engine.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "onnxruntime/c_table.h"

namespace cb {

// Opaque to everyone but this file.
struct EngineModel {
  const void* api = nullptr;
  ort::Session* session = nullptr;
  ort::RunOptions* runOptions = nullptr;
  ort::MemoryInfo* memory = nullptr;
  ort::Allocator* allocator = nullptr;
  std::vector<std::string> inNames;
  std::vector<std::string> outNames;
  std::vector<const char*> inNamePointers;
  std::vector<const char*> outNamePointers;
  std::vector<EngineTensor> inputs;
  std::vector<EngineTensor> outputs;
  std::vector<std::string> symbols;  // what the tensors' symbols point at
};

namespace {

constexpr int kLogFatal = 4;  // an error reaches the caller as a value; on stderr it would only be noise
constexpr int kSequential = 0;
constexpr int kAllOptimizations = 99;
constexpr int kArenaAllocator = 1;
constexpr int kDefaultMemory = 0;

struct Library {
  const void* api = nullptr;
  ort::Env* env = nullptr;
  std::string version;
  std::string error;
};

// Takes a status: true when it is a failure, whose message then stands in `error`.
bool failed(const void* api, ort::Status* status, char* error, size_t errorBytes) {
  if (status == nullptr) return false;
  std::snprintf(error, errorBytes, "%s", ort::getErrorMessage(api, status));
  ort::releaseStatus(api, status);
  return true;
}

Library openLibrary(const std::string& path) {
  Library library;
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    library.error = dlerror();
    return library;
  }
  using GetApiBase = const ort::ApiBase* (*)();
  const auto getApiBase = reinterpret_cast<GetApiBase>(dlsym(handle, "OrtGetApiBase"));
  if (getApiBase == nullptr) {
    library.error = path + " is not ONNX Runtime: it has no OrtGetApiBase";
    return library;
  }
  library.version = getApiBase()->getVersionString();
  library.api = getApiBase()->getApi(ort::kApiVersion);
  if (library.api == nullptr) {
    library.error = "ONNX Runtime " + library.version + " is too old: it lacks C API version 17";
    return library;
  }
  char error[512] = "";
  if (failed(library.api, ort::createEnv(library.api, kLogFatal, "cuda-batcher", &library.env), error, sizeof error)) {
    library.error = error;
    library.api = nullptr;
  }
  return library;
}

// The first path given decides for the process: two copies of the library in one process help nobody.
const Library& theLibrary(const char* path) {
  static std::mutex mutex;
  static Library* library = nullptr;  // leaked: threads may still be inside it when statics are destroyed
  std::lock_guard<std::mutex> lock(mutex);
  if (library == nullptr || library->api == nullptr) {
    delete library;
    library = new Library(openLibrary(path == nullptr ? "libonnxruntime.so.1" : path));
  }
  return *library;
}

int probe(const char* path, char* version, size_t versionBytes, char* error, size_t errorBytes) {
  const Library& library = theLibrary(path);
  std::snprintf(version, versionBytes, "%s", library.version.c_str());
  if (library.api != nullptr) return 0;
  std::snprintf(error, errorBytes, "%s", library.error.c_str());
  return 1;
}

void unload(EngineModel* model) {
  if (model->runOptions != nullptr) ort::releaseRunOptions(model->api, model->runOptions);
  if (model->memory != nullptr) ort::releaseMemoryInfo(model->api, model->memory);
  if (model->session != nullptr) ort::releaseSession(model->api, model->session);
  delete model;
}

bool createSession(EngineModel& model, const Library& library, const EngineLoadOptions& load, char* error,
                   size_t errorBytes) {
  const void* api = library.api;
  ort::SessionOptions* options = nullptr;
  const auto bad = [&](ort::Status* status) { return failed(api, status, error, errorBytes); };
  if (bad(ort::createSessionOptions(api, &options))) return false;
  const bool ok = !bad(ort::setExecutionMode(api, options, kSequential)) &&
                  !bad(ort::setGraphOptimizationLevel(api, options, kAllOptimizations)) &&
                  !bad(ort::setIntraOpThreads(api, options, load.intraOpThreads)) &&
                  !bad(ort::setInterOpThreads(api, options, 1)) &&
                  // Spinning workers would burn a core between batches.
                  !bad(ort::addConfigEntry(api, options, "session.intra_op.allow_spinning", "0")) &&
                  !bad(ort::createSession(api, library.env, load.modelPath, options, &model.session));
  ort::releaseSessionOptions(api, options);
  return ok;
}

// Reads one input's or output's type. A tensor of sequence or map type is refused: rows can't be cut out of it.
bool describe(EngineModel& model, bool outputs, size_t index, EngineTensor& tensor, std::vector<std::string>& symbols,
              char* error, size_t errorBytes) {
  const void* api = model.api;
  const auto bad = [&](ort::Status* status) { return failed(api, status, error, errorBytes); };
  ort::TypeInfo* type = nullptr;
  if (bad(outputs ? ort::getOutputType(api, model.session, index, &type)
                  : ort::getInputType(api, model.session, index, &type))) {
    return false;
  }
  const ort::TensorInfo* info = nullptr;
  int dtype = 0;
  size_t rank = 0;
  bool ok = !bad(ort::castToTensorInfo(api, type, &info));
  if (ok && info == nullptr) {
    std::snprintf(error, errorBytes, "'%s' is not a tensor", tensor.name);
    ok = false;
  }
  ok = ok && !bad(ort::getElementType(api, info, &dtype)) && !bad(ort::getRank(api, info, &rank));
  if (ok && rank > static_cast<size_t>(kMaxRank)) {
    std::snprintf(error, errorBytes, "'%s' has rank %zu, the most is %d", tensor.name, rank, kMaxRank);
    ok = false;
  }
  const char* names[kMaxRank] = {};
  ok = ok && !bad(ort::getDims(api, info, tensor.dims, rank)) && !bad(ort::getSymbols(api, info, names, rank));
  tensor.dtype = static_cast<DType>(dtype);
  tensor.rank = static_cast<int32_t>(rank);
  for (size_t i = 0; ok && i < rank; i++) symbols.emplace_back(names[i] == nullptr ? "" : names[i]);
  ort::releaseTypeInfo(api, type);
  return ok;
}

bool describeAll(EngineModel& model, bool outputs, char* error, size_t errorBytes) {
  const void* api = model.api;
  const auto bad = [&](ort::Status* status) { return failed(api, status, error, errorBytes); };
  size_t count = 0;
  if (bad(outputs ? ort::getOutputCount(api, model.session, &count) : ort::getInputCount(api, model.session, &count))) {
    return false;
  }
  std::vector<std::string>& names = outputs ? model.outNames : model.inNames;
  std::vector<EngineTensor>& tensors = outputs ? model.outputs : model.inputs;
  for (size_t i = 0; i < count; i++) {
    char* name = nullptr;
    if (bad(outputs ? ort::getOutputName(api, model.session, i, model.allocator, &name)
                    : ort::getInputName(api, model.session, i, model.allocator, &name))) {
      return false;
    }
    names.emplace_back(name);
    if (bad(ort::allocatorFree(api, model.allocator, name))) return false;
    EngineTensor tensor{};
    tensor.name = names.back().c_str();
    if (!describe(model, outputs, i, tensor, model.symbols, error, errorBytes)) return false;
    tensors.push_back(tensor);
  }
  return true;
}

// Names moved while their vectors grew; now that they are complete, point at them.
void pointAtNames(EngineModel& model) {
  size_t symbol = 0;
  const auto point = [&](std::vector<EngineTensor>& tensors, const std::vector<std::string>& names,
                         std::vector<const char*>& pointers) {
    for (size_t i = 0; i < tensors.size(); i++) {
      tensors[i].name = names[i].c_str();
      pointers.push_back(names[i].c_str());
      for (int32_t d = 0; d < tensors[i].rank; d++) tensors[i].symbols[d] = model.symbols[symbol++].c_str();
    }
  };
  point(model.inputs, model.inNames, model.inNamePointers);
  point(model.outputs, model.outNames, model.outNamePointers);
}

int load(const EngineLoadOptions* options, EngineModel** out, char* error, size_t errorBytes) {
  const Library& library = theLibrary(options->libraryPath);
  if (library.api == nullptr) {
    std::snprintf(error, errorBytes, "ONNX Runtime can't be opened: %s", library.error.c_str());
    return 1;
  }
  auto* model = new EngineModel;
  model->api = library.api;
  const auto bad = [&](ort::Status* status) { return failed(library.api, status, error, errorBytes); };
  const bool ok = createSession(*model, library, *options, error, errorBytes) &&
                  !bad(ort::createRunOptions(library.api, &model->runOptions)) &&
                  !bad(ort::createCpuMemoryInfo(library.api, kArenaAllocator, kDefaultMemory, &model->memory)) &&
                  !bad(ort::getDefaultAllocator(library.api, &model->allocator)) &&
                  describeAll(*model, false, error, errorBytes) && describeAll(*model, true, error, errorBytes);
  if (!ok) {
    unload(model);
    return 1;
  }
  pointAtNames(*model);
  *out = model;
  return 0;
}

int tensors(EngineModel* model, bool outputs, size_t index, EngineTensor* tensor) {
  const std::vector<EngineTensor>& all = outputs ? model->outputs : model->inputs;
  if (index >= all.size()) return 1;
  *tensor = all[index];
  return 0;
}

// The values of one run; those still here at the end are released.
class Values {
 public:
  Values(const void* api, size_t count) : api_(api), values_(count, nullptr) {}
  ~Values() {
    for (ort::Value* value : values_) {
      if (value != nullptr) ort::releaseValue(api_, value);
    }
  }
  Values(const Values&) = delete;
  Values& operator=(const Values&) = delete;
  ort::Value** data() { return values_.data(); }
  ort::Value*& operator[](size_t i) { return values_[i]; }

 private:
  const void* api_;
  std::vector<ort::Value*> values_;
};

bool wrap(const EngineModel& model, const EngineBuffer& buffer, DType dtype, ort::Value** value, char* error,
          size_t errorBytes) {
  return !failed(model.api,
                 ort::createTensorOverData(model.api, model.memory, buffer.data, buffer.bytes, buffer.dims,
                                           static_cast<size_t>(buffer.rank), static_cast<int>(dtype), value),
                 error, errorBytes);
}

// Fills in where the engine put an output that it allocated itself.
bool adopt(const EngineModel& model, ort::Value*& value, DType dtype, EngineBuffer& buffer, char* error,
           size_t errorBytes) {
  const void* api = model.api;
  const auto bad = [&](ort::Status* status) { return failed(api, status, error, errorBytes); };
  ort::TensorInfo* info = nullptr;
  if (bad(ort::getTensorInfo(api, value, &info))) return false;
  size_t rank = 0;
  size_t elements = 0;
  bool ok = !bad(ort::getRank(api, info, &rank)) && rank <= static_cast<size_t>(kMaxRank) &&
            !bad(ort::getDims(api, info, buffer.dims, rank)) && !bad(ort::getElementCount(api, info, &elements)) &&
            !bad(ort::getTensorData(api, value, &buffer.data));
  ort::releaseTensorInfo(api, info);
  if (!ok) return false;
  buffer.rank = static_cast<int32_t>(rank);
  buffer.bytes = elements * elementBytes(dtype);
  buffer.owner = value;
  value = nullptr;
  return true;
}

int run(EngineModel* model, const EngineBuffer* in, size_t inCount, EngineBuffer* out, size_t outCount, EngineStages*,
        char* error, size_t errorBytes) {
  Values inputs(model->api, inCount);
  Values outputs(model->api, outCount);
  for (size_t i = 0; i < inCount; i++) {
    if (!wrap(*model, in[i], model->inputs[i].dtype, &inputs[i], error, errorBytes)) return 1;
  }
  for (size_t i = 0; i < outCount; i++) {
    if (out[i].data == nullptr) continue;
    if (!wrap(*model, out[i], model->outputs[i].dtype, &outputs[i], error, errorBytes)) return 1;
  }
  ort::Status* status =
      ort::run(model->api, model->session, model->runOptions, model->inNamePointers.data(), inputs.data(), inCount,
               model->outNamePointers.data(), outCount, outputs.data());
  if (failed(model->api, status, error, errorBytes)) return 1;
  for (size_t i = 0; i < outCount; i++) {
    if (out[i].data == nullptr &&
        !adopt(*model, outputs[i], model->outputs[i].dtype, out[i], error, errorBytes)) {
      return 1;
    }
  }
  return 0;
}

void release(EngineModel* model, void* owner) { ort::releaseValue(model->api, static_cast<ort::Value*>(owner)); }

void terminate(EngineModel* model) {
  ort::Status* status = ort::setTerminate(model->api, model->runOptions);
  if (status != nullptr) ort::releaseStatus(model->api, status);
}

}  // namespace

const EngineTable* onnxruntimeEngine() {
  static const EngineTable table{kEngineAbi, "onnxruntime", probe,   load,      tensors,
                                 run,        release,       terminate, unload};
  return &table;
}

}  // namespace cb
