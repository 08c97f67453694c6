#include "addon/convert.h"

#include <algorithm>
#include <cstring>

#include "engines/kernels/plan.h"

namespace cb::convert {

namespace {

double number(const Napi::Object& from, const char* key) { return from.Get(key).As<Napi::Number>().DoubleValue(); }

int32_t integer(const Napi::Object& from, const char* key) { return from.Get(key).As<Napi::Number>().Int32Value(); }

std::string text(const Napi::Object& from, const char* key) { return from.Get(key).As<Napi::String>().Utf8Value(); }

Batching batching(const std::string& name) {
  if (name == "never") return Batching::kNever;
  return name == "inputs" ? Batching::kInputs : Batching::kDeclared;
}

std::vector<int64_t> dims(const Napi::Object& from) {
  std::vector<int64_t> numbers;
  for (const double dim : doubles(from.Get("dims"))) numbers.push_back(static_cast<int64_t>(dim));
  return numbers;
}

// One row of each input; empty when none is given.
std::vector<std::vector<uint8_t>> row(const Napi::Object& from) {
  std::vector<std::vector<uint8_t>> inputs;
  if (!from.Get("inputs").IsArray()) return inputs;
  const Napi::Array given = from.Get("inputs").As<Napi::Array>();
  for (uint32_t i = 0; i < given.Length(); i++) {
    const Napi::Uint8Array bytes = given.Get(i).As<Napi::Uint8Array>();
    inputs.emplace_back(bytes.Data(), bytes.Data() + bytes.ByteLength());
  }
  return inputs;
}

Napi::Array toTensors(Napi::Env env, const std::vector<Tensor>& tensors) {
  Napi::Array array = Napi::Array::New(env, tensors.size());
  for (size_t i = 0; i < tensors.size(); i++) {
    Napi::Object object = Napi::Object::New(env);
    Napi::Array dims = Napi::Array::New(env, tensors[i].dims.size());
    for (size_t d = 0; d < tensors[i].dims.size(); d++) {
      const bool symbolic = tensors[i].dims[d] < 0 && !tensors[i].symbols[d].empty();
      dims.Set(static_cast<uint32_t>(d), symbolic
                                             ? Napi::Value(Napi::String::New(env, tensors[i].symbols[d]))
                                             : Napi::Number::New(env, static_cast<double>(tensors[i].dims[d])));
    }
    object.Set("name", tensors[i].name);
    object.Set("dtype", static_cast<int32_t>(tensors[i].dtype));
    object.Set("dims", dims);
    object.Set("ranked", tensors[i].ranked);
    object.Set("itemBytes", static_cast<double>(tensors[i].rowBytes));
    array.Set(static_cast<uint32_t>(i), object);
  }
  return array;
}

KernelTensor kernelTensor(const Napi::Object& from) {
  KernelTensor tensor{text(from, "name"), text(from, "batchAxis"), {}};
  for (const double dim : doubles(from.Get("rowDims"))) tensor.rowDims.push_back(static_cast<int64_t>(dim));
  return tensor;
}

KernelStep kernelStep(const int32_t* from) {
  using namespace kernel_step_layout;
  return {static_cast<KernelOp>(from[kOp]),         static_cast<uint32_t>(from[kIns]),  static_cast<uint32_t>(from[kOuts]),
          static_cast<size_t>(from[kWeights]),      static_cast<size_t>(from[kWeightCount]), static_cast<size_t>(from[kBias]),
          static_cast<size_t>(from[kBiasCount]),    from[kRelu] != 0};
}

std::shared_ptr<const KernelPlan> kernelPlan(const Napi::Object& from) {
  auto plan = std::make_shared<KernelPlan>();
  plan->input = kernelTensor(from.Get("input").As<Napi::Object>());
  plan->output = kernelTensor(from.Get("output").As<Napi::Object>());
  const std::vector<int32_t> steps = integers(from.Get("steps"));
  for (size_t i = 0; i + kernel_step_layout::kStride <= steps.size(); i += kernel_step_layout::kStride) plan->steps.push_back(kernelStep(&steps[i]));
  const Napi::Float32Array constants = from.Get("constants").As<Napi::Float32Array>();
  plan->constants.assign(constants.Data(), constants.Data() + constants.ElementLength());
  return plan;
}

}  // namespace

ModelOptions modelOptions(const Napi::Object& from) {
  ModelOptions options;
  options.path = text(from, "path");
  options.library = text(from, "library");
  options.intraOpThreads = integer(from, "intraOpThreads");
  options.concurrentRuns = integer(from, "instances");
  options.batching = batching(text(from, "batching"));
  if (const Napi::Value kernels = from.Get("kernels"); kernels.IsObject()) {
    options.device = text(kernels.As<Napi::Object>(), "device");
    options.plan = kernelPlan(kernels.As<Napi::Object>());
  }
  return options;
}

BatcherOptions batcherOptions(const Napi::Object& from) {
  BatcherOptions options;
  options.instances = integer(from, "instances");
  options.maxBatch = integer(from, "maxBatch");
  options.maxQueueDelayMs = number(from, "maxQueueDelayMs");
  options.queueRowsMax = static_cast<int64_t>(number(from, "queueRowsMax"));
  options.queueBytesMax = static_cast<size_t>(number(from, "queueBytesMax"));
  options.lanes = integer(from, "lanes");
  options.ageingMs = number(from, "ageingMs");
  options.seedMs = doubles(from.Get("latencyMs"));
  options.sizes = integers(from.Get("preferredBatchSizes"));
  options.closeAt = integers(from.Get("closeAtRows"));
  options.recheckTolerance = number(from, "recheckTolerance");
  options.proven = from.Get("proven").As<Napi::Boolean>().Value();
  options.cpuTimes = from.Get("cpuTimes").As<Napi::Boolean>().Value();
  return options;
}

std::unique_ptr<RunJournal> runJournal(const Napi::Object& from) {
  const std::string path = text(from, "journalPath");
  if (path.empty()) return nullptr;
  std::string error;
  auto journal = RunJournal::open(path, static_cast<size_t>(integer(from, "journalSlot")),
                                  static_cast<size_t>(integer(from, "instances")), error);
  if (journal == nullptr) throw Napi::Error::New(from.Env(), error);
  return journal;
}

std::unique_ptr<CoreClaim> coreClaim(const Napi::Object& from) {
  const std::string path = text(from, "coreGate");
  if (path.empty()) return nullptr;
  std::string error;
  const std::shared_ptr<CoreGate> gate = CoreGate::open(path, error);
  CoreClaimOptions options;
  options.cores = integer(from, "threads");
  options.engines = static_cast<size_t>(integer(from, "instances"));
  options.weight = number(from, "coreWeight");
  options.idleWork = from.Get("coreIdleWork").As<Napi::Boolean>().Value();
  std::unique_ptr<CoreClaim> claim = gate == nullptr ? nullptr : CoreClaim::open(gate, options, error);
  if (claim == nullptr) throw Napi::Error::New(from.Env(), error);
  return claim;
}

MeasureOptions measureOptions(const Napi::Object& from) {
  MeasureOptions options;
  options.instances = integer(from, "instances");
  options.batch = integer(from, "batch");
  options.durationMs = number(from, "durationMs");
  options.iterations = integer(from, "iterations");
  options.warmUpMs = number(from, "warmUpMs");
  options.dims = dims(from);
  options.row = row(from);
  return options;
}

FeedOptions feedOptions(const Napi::Object& from) {
  FeedOptions options;
  options.inFlight = integer(from, "inFlight");
  options.durationMs = number(from, "durationMs");
  options.warmUpMs = number(from, "warmUpMs");
  options.dims = dims(from);
  options.row = row(from);
  return options;
}

std::vector<std::string> texts(const Napi::Value& from) {
  const Napi::Array given = from.As<Napi::Array>();
  std::vector<std::string> all;
  for (uint32_t i = 0; i < given.Length(); i++) all.push_back(given.Get(i).As<Napi::String>());
  return all;
}

std::vector<double> doubles(const Napi::Value& from) {
  if (!from.IsTypedArray()) return {};
  const Napi::Float64Array array = from.As<Napi::Float64Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

std::vector<int32_t> integers(const Napi::Value& from) {
  if (!from.IsTypedArray()) return {};
  const Napi::Int32Array array = from.As<Napi::Int32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

Napi::Float64Array toDoubles(Napi::Env env, const std::vector<double>& from) {
  Napi::Float64Array array = Napi::Float64Array::New(env, from.size());
  std::copy(from.begin(), from.end(), array.Data());
  return array;
}

Napi::Int32Array toIntegers(Napi::Env env, const std::vector<int32_t>& from) {
  Napi::Int32Array array = Napi::Int32Array::New(env, from.size());
  std::copy(from.begin(), from.end(), array.Data());
  return array;
}

Napi::Object toModel(Napi::Env env, const Model& model) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("inputs", toTensors(env, model.inputs()));
  object.Set("outputs", toTensors(env, model.outputs()));
  object.Set("optionals", toTensors(env, model.optionals()));
  object.Set("batchable", model.batchable());
  object.Set("unbatchedReason", model.unbatchedReason());
  return object;
}

Napi::Object toCounters(Napi::Env env, const Counters& c) {
  Napi::Object object = Napi::Object::New(env);
  const auto set = [&](const char* key, double value) { object.Set(key, value); };
  set("requests", static_cast<double>(c.requests));
  set("rows", static_cast<double>(c.rows));
  set("batches", static_cast<double>(c.batches));
  set("rowsRun", static_cast<double>(c.rowsRun));
  set("rowsPadded", static_cast<double>(c.rowsPadded));
  set("refusedFull", static_cast<double>(c.refusedFull));
  set("refusedDeadline", static_cast<double>(c.refusedDeadline));
  set("shed", static_cast<double>(c.shed));
  set("cancelled", static_cast<double>(c.cancelled));
  set("failed", static_cast<double>(c.failed));
  set("overdue", static_cast<double>(c.overdue));
  set("lateRows", static_cast<double>(c.lateRows));
  set("rechecked", static_cast<double>(c.rechecked));
  set("recheckDiffered", static_cast<double>(c.recheckDiffered));
  set("coreWaits", static_cast<double>(c.coreWaits));
  set("coreWaitNs", c.coreWaitNs);
  set("directBatches", static_cast<double>(c.directBatches));
  set("queueNs", c.queueNs);
  set("gatherNs", c.gatherNs);
  set("copyInNs", c.copyInNs);
  set("runNs", c.runNs);
  set("copyOutNs", c.copyOutNs);
  set("scatterNs", c.scatterNs);
  set("busyNs", c.busyNs);
  set("computeExpiredNs", c.lateNs);
  std::vector<double> batchRows(c.batchRows.begin(), c.batchRows.end());
  object.Set("batchRows", toDoubles(env, batchRows));
  return object;
}

Napi::Object toMeasured(Napi::Env env, const Measured& measured) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("latencyMs", toDoubles(env, measured.latencyMs));
  object.Set("elapsedMs", measured.elapsedMs);
  return object;
}

Napi::Object toFed(Napi::Env env, const Fed& fed) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("items", static_cast<double>(fed.items));
  object.Set("batches", static_cast<double>(fed.batches));
  object.Set("elapsedMs", fed.elapsedMs);
  object.Set("engineMs", fed.engineMs);
  return object;
}

}  // namespace cb::convert
