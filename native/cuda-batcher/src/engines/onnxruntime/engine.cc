#include "engines/onnxruntime/engine.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>

#include "engines/onnxruntime/arena.h"
#include "engines/onnxruntime/outputs.h"
#include "engines/onnxruntime/session.h"
#include "engines/onnxruntime/text.h"

namespace cb {

// Opaque to everyone but this file.
struct EngineModel {
  explicit EngineModel(const ort::Library& library) : session(library) {}
  ort::LoadedSession session;
};

struct EngineRun {
  ort::RunOptions* options = nullptr;
};

namespace {

// What the library says when an output does not come in the shape of the memory it was given: of a whole run, and of the
// operator that makes the output.
constexpr const char* kMisfitTexts[] = {"shape verification failed", "pre-allocated output OrtValues"};

bool isMisfit(const char* text) {
  return std::any_of(std::begin(kMisfitTexts), std::end(kMisfitTexts),
                     [&](const char* misfit) { return std::strstr(text, misfit) != nullptr; });
}

// How the library begins what an operator said.
constexpr const char* kOfOperator = "Non-zero status code returned while running ";

// Whether a run failed for what it was fed with: an instance has answered its golden input, so that an operator which
// refuses to run refuses these values or shapes. Anything else is the engine's failure.
bool isRefusal(int code, const char* text) {
  if (code == ort::kInvalidArgument) return true;
  return (code == ort::kFail || code == ort::kRuntimeException) && std::strstr(text, kOfOperator) != nullptr;
}

int probe(const char* path, char* version, size_t versionBytes, char* error, size_t errorBytes) {
  const ort::Library& library = ort::theLibrary(path);
  ort::ErrorText{version, versionBytes}.write(library.version);
  if (library.api != nullptr) return 0;
  ort::ErrorText{error, errorBytes}.write(library.error);
  return 1;
}

int load(const EngineLoadOptions* options, EngineModel** out, char* error, size_t errorBytes) {
  const ort::ErrorText text{error, errorBytes};
  const ort::Library& library = ort::theLibrary(options->libraryPath);
  if (library.api == nullptr) {
    text.write("ONNX Runtime can't be opened: " + library.error);
    return 1;
  }
  auto* model = new EngineModel(library);
  if (!model->session.open(*options, text)) {
    delete model;
    return 1;
  }
  *out = model;
  return 0;
}

const std::vector<EngineTensor>& listOf(const ort::LoadedSession& session, TensorList list) {
  if (list == TensorList::kOutputs) return session.outputs;
  return list == TensorList::kInputs ? session.inputs : session.optionals;
}

int tensors(EngineModel* model, TensorList list, size_t index, EngineTensor* tensor) {
  const std::vector<EngineTensor>& all = listOf(model->session, list);
  if (index >= all.size()) return 1;
  *tensor = all[index];
  return 0;
}

bool wrap(const ort::LoadedSession& model, const EngineBuffer& buffer, DType dtype, ort::Value** value,
          const ort::ErrorText& error) {
  return !ort::failed(model.api,
                      ort::createTensorOverData(model.api, model.memory, buffer.data, buffer.bytes, buffer.dims,
                                                static_cast<size_t>(buffer.rank), static_cast<int>(dtype), value),
                      error);
}

int openRun(EngineModel* model, EngineRun** out, char* errorText, size_t errorBytes) {
  auto run = std::make_unique<EngineRun>();
  ort::Status* status = ort::createRunOptions(model->session.api, &run->options);
  if (ort::failed(model->session.api, status, ort::ErrorText{errorText, errorBytes})) return 1;
  *out = run.release();
  return 0;
}

// What a run is fed with: the inputs, and those optional ones that were not left out.
struct Fed {
  Fed(const ort::LoadedSession& session, size_t most) : model(session), values(session.api, most) {}
  bool add(const EngineBuffer* in, size_t inCount, const ort::ErrorText& error);

  const ort::LoadedSession& model;
  ort::Values values;
  std::vector<const char*> chosen;  // names, where not all are given that the model has
  const char* const* names = nullptr;
  size_t count = 0;
};

bool Fed::add(const EngineBuffer* in, size_t inCount, const ort::ErrorText& error) {
  const size_t own = model.inputs.size();
  for (size_t i = 0; i < inCount; i++) {
    if (i >= own && in[i].rank == kUnknownRank) continue;
    const EngineTensor& tensor = i < own ? model.inputs[i] : model.optionals[i - own];
    ort::Value** value = &values[count];
    const bool made = tensor.dtype == DType::kString ? ort::writeText(model, tensor, in[i], value, error)
                                                     : wrap(model, in[i], tensor.dtype, value, error);
    if (!made) return false;
    count++;
    if (inCount > own) chosen.push_back(model.inNames[i]);
  }
  names = inCount > own ? chosen.data() : model.inNames.data();
  return true;
}

int run(EngineModel* loaded, EngineRun* with, const EngineBuffer* in, size_t inCount, EngineBuffer* out, size_t outCount, EngineStages*,
        char* errorText, size_t errorBytes) {
  const ort::LoadedSession& model = loaded->session;
  const ort::ErrorText error{errorText, errorBytes};
  Fed fed(model, inCount);
  ort::Values outputs(model.api, model.outNames.size());
  if (!fed.add(in, inCount, error)) return kRunFailed;
  for (size_t i = 0; i < outCount; i++) {
    if (out[i].data == nullptr) continue;
    if (!wrap(model, out[i], model.outputs[i].dtype, &outputs[model.sources[i].index], error)) return kRunFailed;
  }
  ort::Status* status =
      ort::run(model.api, model.session, with->options, fed.names, fed.values.data(), fed.count,
               model.outNames.data(), model.outNames.size(), outputs.data());
  const int code = status == nullptr ? 0 : ort::getErrorCode(model.api, status);
  if (ort::failed(model.api, status, error)) {
    if (isMisfit(errorText)) return kOutputMisfit;
    return isRefusal(code, errorText) ? kInputRefused : kRunFailed;
  }
  return ort::collect(model, outputs, out, error) ? kRan : kRunFailed;
}

void release(EngineModel*, void* owner) { delete static_cast<ort::Owner*>(owner); }

// The library looks at the flag between operators and before each turn of a loop.
void endRun(EngineModel* model, EngineRun* run, bool ended) {
  const void* api = model->session.api;
  ort::Status* status = ended ? ort::setTerminate(api, run->options) : ort::unsetTerminate(api, run->options);
  if (status != nullptr) ort::releaseStatus(api, status);
}

void trim(EngineModel* model) { ort::trimArena(model->session); }

void closeRun(EngineModel* model, EngineRun* run) {
  ort::releaseRunOptions(model->session.api, run->options);
  delete run;
}

void unload(EngineModel* model) { delete model; }

}  // namespace

const EngineTable* onnxruntimeEngine() {
  static const EngineTable table{kEngineAbi, "onnxruntime", probe, load, tensors,  openRun,
                                 run,        release,       endRun, trim, closeRun, unload};
  return &table;
}

}  // namespace cb
