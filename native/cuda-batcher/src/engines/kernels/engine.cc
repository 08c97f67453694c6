#include "engines/kernels/engine.h"

#include <cstdio>

#include "engines/kernels/run.h"

namespace cb {

namespace {

constexpr const char* kVersion = "1";

KernelModel& modelOf(EngineModel* model) { return *reinterpret_cast<KernelModel*>(model); }
KernelRun& runOf(EngineRun* run) { return *reinterpret_cast<KernelRun*>(run); }

// Answers what a function of the table answers.
int said(const std::string& sentence, char* error, size_t errorBytes) {
  if (sentence.empty()) return kRan;
  std::snprintf(error, errorBytes, "%s", sentence.c_str());
  return kRunFailed;
}

int probe(const char*, char* version, size_t versionBytes, char*, size_t) {
  std::snprintf(version, versionBytes, "%s", kVersion);
  return 0;
}

int load(const EngineLoadOptions* options, EngineModel** model, char* error, size_t errorBytes) {
  if (options->plan == nullptr || options->device == nullptr) return said("the kernel module runs plans on devices", error, errorBytes);
  std::string sentence;
  std::unique_ptr<KernelModel> loaded = KernelModel::load(*options->plan, options->device, sentence);
  *model = reinterpret_cast<EngineModel*>(loaded.release());
  return said(sentence, error, errorBytes);
}

int tensors(EngineModel* model, TensorList list, size_t index, EngineTensor* to) {
  if (index > 0 || list == TensorList::kOptionalInputs) return 1;
  const KernelTensor& tensor = list == TensorList::kInputs ? modelOf(model).input() : modelOf(model).output();
  *to = EngineTensor{};
  to->name = tensor.name.c_str();
  to->dtype = DType::kFloat32;
  to->rank = static_cast<int32_t>(tensor.rowDims.size()) + 1;
  to->dims[0] = kUnknownDim;
  for (int32_t axis = 0; axis < to->rank; axis++) {
    if (axis > 0) to->dims[axis] = tensor.rowDims[static_cast<size_t>(axis) - 1];
    to->symbols[axis] = axis == 0 ? tensor.batchAxis.c_str() : "";
  }
  return 0;
}

int openRun(EngineModel* model, EngineRun** run, char* error, size_t errorBytes) {
  auto opened = std::make_unique<KernelRun>(modelOf(model));
  const std::string sentence = opened->open();
  if (sentence.empty()) *run = reinterpret_cast<EngineRun*>(opened.release());
  return said(sentence, error, errorBytes);
}

int run(EngineModel*, EngineRun* with, const EngineBuffer* in, size_t, EngineBuffer* out, size_t, EngineStages* stages, char* error,
        size_t errorBytes) {
  const bool given = out->data != nullptr;
  const std::string sentence = runOf(with).run(*in, *out, *stages);
  if (!sentence.empty() && !given) {
    delete[] static_cast<float*>(out->owner);
    *out = EngineBuffer{};
  }
  return said(sentence, error, errorBytes);
}

void release(EngineModel*, void* owner) { delete[] static_cast<float*>(owner); }

void endRun(EngineModel*, EngineRun* run, bool ended) { runOf(run).end(ended); }

void trim(EngineModel* model) { modelOf(model).trim(); }

void closeRun(EngineModel*, EngineRun* run) { delete &runOf(run); }

void unload(EngineModel* model) { delete &modelOf(model); }

}  // namespace

const EngineTable* kernelEngine() {
  static const EngineTable table{kEngineAbi, "kernels", probe, load, tensors, openRun, run, release, endRun, trim, closeRun, unload};
  return &table;
}

}  // namespace cb
