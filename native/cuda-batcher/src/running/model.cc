#include "running/model.h"

#include <algorithm>

#include "process/allocator.h"
#include "process/fatal_signals.h"

namespace cb {

namespace {

constexpr size_t kErrorBytes = 2048;

Tensor fromEngine(const EngineTensor& described) {
  Tensor tensor;
  tensor.name = described.name;
  tensor.dtype = described.dtype;
  tensor.ranked = described.rank != kUnknownRank;
  tensor.ofRun = described.ofRun;
  for (int32_t i = 0; i < described.rank; i++) {
    tensor.dims.push_back(described.dims[i]);
    tensor.symbols.emplace_back(described.symbols[i] == nullptr ? "" : described.symbols[i]);
  }
  return tensor;
}

// An engine invents names for axes whose name it lost in shape inference; such a name says nothing.
bool named(const std::string& symbol) { return !symbol.empty() && symbol.rfind("unk__", 0) != 0; }

// Why the first axis of a tensor is not the batch axis called `batch`; empty when it may be.
std::string notLed(const Tensor& tensor, const char* what, const std::string& batch) {
  const std::string name = std::string(what) + " '" + tensor.name + "'";
  if (!tensor.ranked) return {};  // what comes is looked at
  if (tensor.dims.empty()) return name + " is a scalar and has no batch axis";
  if (tensor.dims[0] != kUnknownDim) {
    return name + " has a first axis fixed at " + std::to_string(tensor.dims[0]) + ", a batch axis is free";
  }
  if (!named(tensor.symbols[0]) || batch.empty() || tensor.symbols[0] == batch) return {};
  return name + " has first axis '" + tensor.symbols[0] + "', the first input has '" + batch + "'";
}

// Strings have no fixed size to be cut by, and what belongs to a whole run has no rows.
std::string notRows(const Tensor& tensor, const char* what) {
  const std::string name = std::string(what) + " '" + tensor.name + "'";
  if (tensor.dtype == DType::kString) return name + " holds strings";
  return tensor.ofRun ? name + " belongs to a run as a whole" : "";
}

int64_t rowBytes(const Tensor& tensor, size_t from) {
  int64_t bytes = static_cast<int64_t>(elementBytes(tensor.dtype));
  if (bytes == 0 || !tensor.ranked || tensor.dims.size() < from) return -1;
  for (size_t i = from; i < tensor.dims.size(); i++) {
    if (tensor.dims[i] < 0) return -1;
    bytes *= tensor.dims[i];
  }
  return bytes;
}

// A thread that the engine has started: it computes runs of the model.
void computeFor(void* slots, void (*work)(void*), void* argument) {
  const ComputingThread here(*static_cast<const JournalSlots*>(slots));
  work(argument);
}

}  // namespace

std::unique_ptr<Model> Model::load(const EngineTable* engine, const ModelOptions& options, std::string& error) {
  auto slots = std::make_unique<JournalSlots>();
  EngineLoadOptions load{options.path.c_str(), options.library.empty() ? nullptr : options.library.c_str(),
                         options.intraOpThreads, options.concurrentRuns, {computeFor, slots.get()},
                         options.device.empty() ? nullptr : options.device.c_str(), options.plan.get()};
  char text[kErrorBytes] = "";
  EngineModel* handle = nullptr;
  if (engine->load(&load, &handle, text, sizeof text) != 0) {
    error = text;
    return nullptr;
  }
  std::unique_ptr<Model> model(new Model(engine, handle, std::move(slots)));
  model->describe();
  std::string reason = model->whyUnbatched(options.batching);
  if (options.batching == Batching::kInputs && !reason.empty()) {
    error = "requests can't share a batch: " + reason;
    return nullptr;
  }
  model->unbatchedReason_ = std::move(reason);
  const size_t from = model->batchable() ? 1 : 0;
  for (Tensor& input : model->inputs_) input.rowBytes = rowBytes(input, from);
  for (Tensor& output : model->outputs_) output.rowBytes = rowBytes(output, from);
  for (Tensor& optional : model->optionals_) optional.rowBytes = rowBytes(optional, 0);
  return model;
}

Model::Model(const EngineTable* engine, EngineModel* handle, std::unique_ptr<JournalSlots> journalSlots)
    : engine_(engine), handle_(handle), journalSlots_(std::move(journalSlots)) {}

Model::~Model() {
  const LeanHeap lean;
  engine_->unload(handle_);
}

void Model::describe() {
  inputs_ = list(TensorList::kInputs);
  outputs_ = list(TensorList::kOutputs);
  optionals_ = list(TensorList::kOptionalInputs);
  surprising_ = std::make_unique<std::atomic<bool>[]>(outputs_.size());
}

std::vector<Tensor> Model::list(TensorList of) const {
  std::vector<Tensor> tensors;
  EngineTensor tensor{};
  for (size_t i = 0; engine_->tensors(handle_, of, i, &tensor) == 0; i++) tensors.push_back(fromEngine(tensor));
  return tensors;
}

std::string Model::whyUnbatched(Batching batching) const {
  if (batching == Batching::kNever) return "it was opened to run requests one at a time";
  if (inputs_.empty()) return "it has no inputs";
  std::string batch;
  if (!inputs_[0].symbols.empty() && named(inputs_[0].symbols[0])) batch = inputs_[0].symbols[0];
  std::string reason;
  for (const Tensor& input : inputs_) {
    if (reason.empty()) reason = notRows(input, "input");
    if (reason.empty() && !input.ranked) reason = "input '" + input.name + "' does not say how many axes it has";
    if (reason.empty()) reason = notLed(input, "input", batch);
  }
  for (const Tensor& output : outputs_) {
    if (reason.empty()) reason = notRows(output, "output");
    if (reason.empty() && batching == Batching::kDeclared) reason = notLed(output, "output", batch);
  }
  return reason;
}

bool Model::foreseeable(size_t index) const {
  const Tensor& output = outputs_[index];
  if (output.rowBytes < 0 || surprising_[index].load(std::memory_order_relaxed)) return false;
  if (!batchable()) return true;
  return !output.dims.empty() && output.dims[0] == kUnknownDim && named(output.symbols[0]) &&
         output.symbols[0] == inputs_[0].symbols[0];
}

std::string Model::run(ModelRun& with, const std::vector<EngineBuffer>& in, std::vector<EngineBuffer>& out,
                       EngineStages& stages, int& outcome) const {
  outcome = kRunFailed;
  if (with.run_ == nullptr) return with.error_;
  std::string error = tryRun(with.run_, in, out, stages, outcome);
  if (outcome != kOutputMisfit) return error;
  const std::vector<EngineBuffer> foreseen = out;
  out.assign(out.size(), EngineBuffer{});
  error = tryRun(with.run_, in, out, stages, outcome);
  if (outcome != kRan) return error;
  for (size_t i = 0; i < out.size(); i++) {
    const bool same = foreseen[i].rank == out[i].rank &&
                      std::equal(out[i].dims, out[i].dims + out[i].rank, foreseen[i].dims);
    if (foreseen[i].data != nullptr && !same) surprising_[i] = true;
  }
  return {};
}

std::string Model::run(ModelRun& with, const std::vector<EngineBuffer>& in, std::vector<EngineBuffer>& out,
                       EngineStages& stages) const {
  int outcome = kRan;
  return run(with, in, out, stages, outcome);
}

std::string Model::tryRun(EngineRun* with, const std::vector<EngineBuffer>& in, std::vector<EngineBuffer>& out,
                          EngineStages& stages, int& outcome) const {
  char text[kErrorBytes] = "";
  outcome = engine_->run(handle_, with, in.data(), in.size(), out.data(), out.size(), &stages, text, sizeof text);
  if (outcome == kRan) return {};
  return text[0] == '\0' ? "the engine failed without a reason" : text;
}

void Model::trim() const {
  const LeanHeap lean;
  engine_->trim(handle_);
}

void Model::terminate() const {
  std::lock_guard<std::mutex> lock(runsMutex_);
  terminated_ = true;
  for (EngineRun* run : runs_) engine_->endRun(handle_, run, true);
}

ModelRun::ModelRun(const Model& model) : model_(model) {
  char text[kErrorBytes] = "";
  if (model.engine_->openRun(model.handle_, &run_, text, sizeof text) != 0) {
    run_ = nullptr;
    error_ = text;
    return;
  }
  std::lock_guard<std::mutex> lock(model.runsMutex_);
  model.runs_.push_back(run_);
  if (model.terminated_) model.engine_->endRun(model.handle_, run_, true);
}

ModelRun::~ModelRun() {
  if (run_ == nullptr) return;
  {
    std::lock_guard<std::mutex> lock(model_.runsMutex_);
    model_.runs_.erase(std::find(model_.runs_.begin(), model_.runs_.end(), run_));
  }
  model_.engine_->closeRun(model_.handle_, run_);
}

void ModelRun::end() {
  std::lock_guard<std::mutex> lock(model_.runsMutex_);
  if (run_ != nullptr) model_.engine_->endRun(model_.handle_, run_, true);
}

void ModelRun::renew() {
  std::lock_guard<std::mutex> lock(model_.runsMutex_);
  if (run_ != nullptr && !model_.terminated_) model_.engine_->endRun(model_.handle_, run_, false);
}

}  // namespace cb
